"""What visitors read about pictures that have no answer."""

import io
import re

import pytest
from conftest import SHARED, needs_shared
from page_texts import TEXTS
from picture_errors import SENTENCES, sentence
from PIL import Image

from mobilenetv2.data.image import decode
from mobilenetv2.data.image_errors import IMAGE_ERRORS, ImageError

# Of those who program, train or run the page: a visitor knows none of these, and can do nothing with them.
JARGON = re.compile(
    r"\b(package|pip|install|git|lfs|pull|checkpoint|bomb|DOS|attack|decode|scans?|bytes?|MiB|pipe|socket|OSError|None|"
    r"truncated|traceback|errno|stderr|weights?|multipart|form-data|JSON|base64)\b|[_{}<>]|检查点|指针|管道|套接字|权重"
)
# Answers that only programs get: no button of the page leads there.
TO_PROGRAMS = {"no_upload", "not_json", "too_deep", "values", "too_large", "unknown"}
TO_VISITORS = ("too_many", "no_checkpoint", "too_large_file", "no_files", "too_slow", "wait", "busy")


def is_one_sentence(text, language):
    """A capital letter, an end, and no other end in between."""
    end = {"en": ".", "zh": "。"}[language]
    inner = re.sub(r"\d\.\d", "", text[:-1])
    return text.endswith(end) and not re.search(r"[.!?。！？](\s|$)", inner) and (language == "zh" or text[0].isupper())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_error_is_one_sentence_that_a_visitor_understands(language):
    assert set(SENTENCES) == set(IMAGE_ERRORS)
    said = [SENTENCES[kind][language == "zh"] for kind in IMAGE_ERRORS]
    for text in said:
        assert is_one_sentence(text, language) and not JARGON.search(text) and len(text) < 150, text
    assert len(set(said)) >= len(said) - 1  # what is no file is said in the same way twice
    filled = {"most": 500, "count": 501, "total": 2048, "files": 500}
    for key in TO_VISITORS:
        text = TEXTS[language][key].format(**filled)
        assert is_one_sentence(text, language) and not JARGON.search(text), text
    assert not TO_PROGRAMS & set(TO_VISITORS) and set(TEXTS[language]) > TO_PROGRAMS


@pytest.mark.parametrize("size", [(20_000, 10_000), (12_000, 12_000), (70_000, 10), (9_000, 9_000)])
def test_a_picture_that_is_too_large_quotes_no_library(size):
    """200 megapixels, where Pillow itself refuses; 144, where it does not; a long side; 81, too many for PNG."""
    buffer = io.BytesIO()
    Image.new("1", size).save(buffer, "PNG")
    with pytest.raises(ImageError) as caught:
        decode(buffer.getvalue(), 224)
    assert caught.value.kind == "pixels" and not JARGON.search(str(caught.value).replace("decode", ""))
    assert sentence(caught.value, "en") == (
        "This picture is too large: at most 64 million pixels can be read, or 128 million as JPEG, and 65535 on each side."
    )
    assert sentence(caught.value, "zh").startswith("这张图片太大：最多可读 64 百万像素")


@needs_shared
def test_real_files_that_cannot_be_read():
    said = set()
    for file in sorted((SHARED / "odd").iterdir()):
        try:
            decode(file.read_bytes(), 224)
        except ImageError as error:
            said.add(error.kind)
            for language in ("en", "zh"):
                text = sentence(error, language)
                assert is_one_sentence(text, language) and not JARGON.search(text), (file.name, text)
    assert {"broken", "pixels", "unknown"} <= said
