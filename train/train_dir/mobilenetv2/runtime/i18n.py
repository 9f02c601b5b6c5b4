"""Messages in English and Chinese: the log is English, page and report exist in both languages."""


class Bilingual(str):
    """An English message with its Chinese translation in `zh`."""

    zh: str

    def __new__(cls, english: str, chinese: str) -> "Bilingual":
        text = super().__new__(cls, english)
        text.zh = chinese
        return text


def in_language(text: str, language: str) -> str:
    """The text in the language "en" or "zh". A plain str, such as an operating system message, is returned as it is."""
    return text.zh if language == "zh" and isinstance(text, Bilingual) else str(text)
