"""Sentences about photos that the log says in English and the page and the report in Chinese, too."""


class Bilingual(str):
    """An English sentence that carries its Chinese translation."""

    zh: str

    def __new__(cls, english: str, chinese: str) -> "Bilingual":
        text = super().__new__(cls, english)
        text.zh = chinese
        return text


def in_language(text: str, language: str) -> str:
    """A sentence in "en" or "zh"; what has no translation, as the words of the operating system, stays as it is."""
    return text.zh if language == "zh" and isinstance(text, Bilingual) else str(text)
