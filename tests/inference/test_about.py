"""What the page says about its checkpoint."""

import re
import shutil
from dataclasses import replace

import pytest
from about import status

from mobilenetv2.classifier import Classifier
from mobilenetv2.model.checkpoint import EMBEDDED


def test_one_line_and_more_where_it_is_opened(built_in, tmp_path):
    file = shutil.copytree(built_in, tmp_path / "mine") / "mobilenetv2.ckpt"
    classifier = Classifier(str(file))
    said = status(classifier, 600, "en")
    assert re.findall("<summary>(.*?)</summary>", said) == ["136 of 143 validation photos right · mobilenetv2.ckpt"]
    date = r'<span class="date">\d{4}-\d\d-\d\d</span>'
    assert re.search(rf"mobilenetv2\.ckpt, made on {date}<br>MobileNetV2, 128 × 128 pixels", said)
    assert "636 photos of 2 classes" in said and "<li>croissants</li><li>dog</li>" in said and "changed" not in said
    file.unlink()
    assert status(classifier, 600, "en").startswith(
        '<p class="problem">The file of this network was changed or removed'
    )
    assert "143 张验证照片答对 136 张" in status(classifier, 600, "zh")


def test_the_average_over_the_classes_and_how_few_photos_were_validated():
    classifier = Classifier(str(EMBEDDED))
    val = {"correct": 95, "count": 100, "confusion": [[90, 0], [5, 5]]}

    def said(validation, language="en"):
        description = classifier.description
        data, metrics = {**description.data, "validation": validation}, {**description.metrics, "val": val}
        classifier.description = replace(description, data=data, metrics=metrics)
        return status(classifier, 600, language)

    average = "<dt>Averaged over the classes</dt><dd>75.0 % right; the weakest is dog with 5 of 10</dd>"
    assert average in said("given") and "95 of 100 validation photos right ·" in said("share")
    assert average in said("in turn") and "95 of 100 photos right, each left out in turn ·" in said("in turn")
    learned = said("learned")
    assert "Averaged" not in learned and "not tested: it has learned all 100 photos that there were ·" in learned
    assert "<dt>按类别平均</dt><dd>答对 75.0 %；最弱的类别是dog：10 张中答对 5 张</dd>" in said("given", "zh")
    assert "未做检验：全部 100 张照片都已学过" in said("learned", "zh")
    val.update(correct=100, confusion=[[90, 0], [0, 10]])
    assert "Averaged" not in said("given")


@pytest.mark.parametrize("seconds, english, chinese", [(600, "10 minutes", " 10 分钟"), (6, "6 seconds", " 6 秒")])
def test_how_long_uploads_are_kept_is_said_in_any_case(seconds, english, chinese):
    for classifier in (None, Classifier(str(EMBEDDED))):
        assert f"deleted from this server {english} after" in status(classifier, seconds, "en")
        assert f"上传的图片在{chinese}后从服务器删除" in status(classifier, seconds, "zh")
    assert "This page cannot answer now" in status(None, seconds, "en")


def test_many_classes_have_a_field_for_searching(monkeypatch):
    classifier = Classifier(str(EMBEDDED))
    classes = tuple(f"class <{number}>" for number in range(300))
    monkeypatch.setattr(classifier, "description", replace(classifier.description, classes=classes))
    said = status(classifier, 600, "en")
    assert "636 photos of 300 classes" in said and said.count("<li>") == 300 and 'type="search"' in said
    assert "<li>class &lt;299&gt;</li>" in said and len(re.findall("<summary>(.*?)</summary>", said)[0]) < 60
    # Not a matrix of these classes; then the pairs of a matrix that is too large to be written out.
    assert "Averaged" not in said
    val = {"correct": 3, "count": 4, "confusions": [[0, 0, 3], [299, 0, 1]]}
    metrics = {**classifier.description.metrics, "val": val}
    monkeypatch.setattr(classifier, "description", replace(classifier.description, metrics=metrics))
    assert "50.0 % right; the weakest is class &lt;299&gt; with 0 of 1" in status(classifier, 600, "en")
