"""What the results come to, in sentences."""

from dataclasses import replace

import numpy as np
import pytest

from mobilenetv2 import inputs
from mobilenetv2.evaluation.metrics import weakest_first
from mobilenetv2.report.content import Report
from mobilenetv2.report.texts import LANGUAGES, agreeing, load_texts
from mobilenetv2.report.verdict import describe_start, judge, speak


def said(content, language="en"):
    """The sentences by key."""
    texts = load_texts(language)

    def fill(key, **values):
        return texts[key].format(**{**agreeing(values.get("count", 0)), **values})

    return {sentence.key: speak(sentence, str, fill).replace("\u00a0", " ") for sentence in judge(content)}


def test_where_all_classes_are_equal_none_is_called_the_weakest():
    told = said(Report(("a", "b"), np.diag([20, 20])))
    assert told["verdict.equal"] == "No class has a wrong answer; each has 20 of 20 right, above 83 %."
    assert not {"verdict.weakest", "verdict.weakest.right", "verdict.few", "verdict.few.all"} & set(told)
    told = said(Report(("a", "b", "c"), np.diag([1, 1, 1])), "zh")
    assert told["verdict.equal"] == "没有哪一类有错误：每一类 1 张中答对 1 张，正确率高于 2 %。"
    assert told["verdict.few.all"] == "每一类的验证照片都少于 10 张，对单个类别证明不了多少。"
    assert "verdict.weakest.right" in said(Report(("a", "b"), np.diag([20, 21])))


def test_the_weakest_class_is_named_with_its_interval():
    content = Report(("a", "b", "c"), np.array([[20, 0, 0], [1, 3, 0], [0, 2, 18]]))
    assert said(content)["verdict.weakest"] == "The weakest class is b: 3 of 4 right, 19 % to 100 %."
    assert said(content, "zh")["verdict.weakest"] == "最弱的类别是b：4 张中答对 3 张，正确率在 19 % 到 100 % 之间。"
    assert "verdict.few" not in said(content)  # b is named already


def test_where_all_are_right_the_class_with_the_fewest_photos_is_named():
    content = Report(("a", "b", "c"), np.diag([20, 3, 5]))
    told = said(content)
    assert told["verdict.weakest.right"] == (
        "No class has a wrong answer. The least is proven of b: 3 of 3 right, above 29 %."
    )
    assert told["verdict.few"] == (
        "1 other class has fewer than 10 validation photos, which prove little: c (5 of 5 right: above 47 %)."
    )


def test_few_and_absent_classes_are_counted_and_the_first_named():
    content = Report(tuple("abcdefg"), np.diag([30, 1, 2, 3, 4, 5, 0]))
    told = said(content)
    assert told["verdict.few"].startswith("4 other classes have fewer than 10 validation photos")
    assert told["verdict.few"].endswith(
        "c (2 of 2 right: above 15 %), d (3 of 3 right: above 29 %), e (4 of 4 right: above 39 %), 1 more."
    )
    assert told["verdict.absent"] == ("1 class has no validation photo, so nothing is known of the answers to them: g.")
    assert weakest_first(content.val_confusion) == [1, 2, 3, 4, 5, 0]


def test_a_mistake_names_its_photos():
    right, wrong = np.diag([5, 5]), np.array([[4, 1], [0, 5]])
    assert "1 validation photo)" in said(Report(("a", "b"), wrong))["verdict.mistake.val"]
    content = replace(Report(("a", "b"), right), held_out_confusion=wrong)
    assert "out of fold: a is said to be b (1 training photo)" in said(content)["verdict.mistake.held_out"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_start_has_words(language):
    texts = load_texts(language)

    def words(origin):
        return speak(describe_start(origin), str, lambda key, **values: texts[key].format(**values))

    known = [
        words({"weights": naming}) for naming in ("random numbers", inputs.pretrained.BUILT_IN, inputs.pretrained.OWN)
    ]
    assert len(set(known)) == 3 and all("form" not in text and "格式" not in text for text in known)
    assert "MindCV" in words({"weights": "MindCV"})
    taught = words({"weights": "random numbers", "teacher": {"weights": "MindCV", "backbone": "0123456789abcdef"}})
    assert "MindCV" in taught and "0123456789ab" in taught and known[0] in taught
    classes = {"known": {"cat": ["cat"], "dog": ["hund"], "bird": []}, "left_out": ["fish"]}
    told = words({"weights": inputs.pretrained.OWN, "backbone": "0123456789abcdef", "classes": classes})
    between = {
        "en": "knew cat, dog; new to it: bird; left out of it: fish",
        "zh": "认识cat、dog；新的类别：bird；不再使用：fish",
    }
    assert told.endswith(between[language]) and known[2] in told
