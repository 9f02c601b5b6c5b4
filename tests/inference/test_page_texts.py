"""The page's languages."""

import re

from conftest import ROOT
from page_texts import TEXTS, preferred

from mobilenetv2.data.image_errors import IMAGE_ERRORS
from mobilenetv2.data.picture_files import LEFT_OUT


def test_both_languages_say_the_same_things():
    fields = {
        language: {key: sorted(re.findall(r"{(\w+)", text)) for key, text in texts.items()}
        for language, texts in TEXTS.items()
    }
    assert fields["zh"] == fields["en"]
    sources = [*ROOT.glob("train/train_dir/mobilenetv2/**/*.py"), *ROOT.glob("inference/*.py")]
    raised = {kind for file in sources for kind in re.findall(r'ImageError\("(\w+)"', file.read_text(encoding="utf-8"))}
    assert set(IMAGE_ERRORS) == raised | set(LEFT_OUT)
    for english, chinese in IMAGE_ERRORS.values():
        assert set(re.findall(r"{(\w+)", chinese)) <= set(re.findall(r"{(\w+)", english)) and english != chinese
    headers = {
        "zh-CN,zh;q=0.9,en;q=0.8": "zh",
        "fr-FR,en;q=0.5,zh;q=0.4": "en",
        "de": "en",
        "": "en",
        "en;q=x,zh": "zh",
    }
    assert {header: preferred(header) for header in headers} == headers
