"""Sentences about photos that the log says in English and the page and the report in Chinese, too."""

from .pixels import MAX_BYTES, MAX_DECODED, MAX_PIXELS, MAX_SIDE

# English says what a PictureError itself says. "gone": only the page's.
PROBLEMS_ZH = {
    "empty": "文件是空的，请重新选择",
    "big": f"文件超过 {MAX_BYTES // 2**20} MiB 的上限，请先缩小",
    "pixels": f"像素太多：上限为 {MAX_PIXELS // 10**6} 百万，JPEG 以外 {MAX_DECODED // 10**6} 百万，每边 {MAX_SIDE}；请先缩小",
    "slow": "读取这张图片会花太长时间，请另存为 JPEG 或 PNG",
    "broken": "图片已损坏或不完整，请换一份",
    "heic": "这是 HEIC/HEIF 图片，本程序不支持，请另存为 JPEG",
    "lfs": "这是 Git LFS 指针，不是图片本身，请先运行 git lfs pull",
    "unknown": "这不是图片，或者已损坏（支持 JPEG、PNG、WebP、GIF、BMP、TIFF、AVIF）",
    "lab": "这是 CIE LAB 颜色的图片，本程序不支持，请另存为 RGB",
    "gone": "文件已不在服务器上，请重新上传",
}


class Words(str):
    """An English sentence that carries its Chinese translation."""

    zh: str

    def __new__(cls, english: str, chinese: str) -> "Words":
        words = super().__new__(cls, english)
        words.zh = chinese
        return words


def cell(text: str) -> str:
    """A name in a table: one that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def in_language(text: str, language: str) -> str:
    """A sentence in "en" or "zh"; what has no translation, as the words of the operating system, stays as it is."""
    return text.zh if language == "zh" and isinstance(text, Words) else str(text)
