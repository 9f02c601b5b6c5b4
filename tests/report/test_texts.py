"""The report's texts."""

import string

import pytest
from conftest import TRAIN

from mobilenetv2.report.texts import PAIRS, agreeing, load_texts


def test_both_languages_have_the_same_texts():
    def fields(text: str) -> set:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name} - agreeing(1).keys()

    room = TRAIN.parent / "mobilenetv2" / "report"
    files = [file for file in room.iterdir() if file.suffix in (".html", ".py") and file.name != "texts.py"]
    used = "".join(file.read_text(encoding="utf-8") for file in files)
    for key, (english, chinese) in PAIRS.items():
        assert english and chinese and fields(english) == fields(chinese), key
        known = key in used or f"text.{key}" in used or f'"{key.split(".")[0]}.' in used or key in ("before", "after")
        assert known, f"nothing says {key}"
    assert load_texts("en").keys() == load_texts("zh").keys()
    with pytest.raises(ValueError):
        load_texts("fr")
