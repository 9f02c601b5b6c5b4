"""What the results come to, in sentences."""

from dataclasses import replace

import numpy as np
import pytest

from mobilenetv2 import inputs
from mobilenetv2.evaluation.metrics import weakest_first
from mobilenetv2.evaluation.ood import Rejections
from mobilenetv2.evaluation.prior import PriorCorrection
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


def test_the_average_over_the_classes_stands_beside_the_count():
    content = Report(("a", "b"), np.array([[90, 0], [5, 5]]))
    assert said(content)["verdict.balanced"] == "Averaged over the classes (balanced accuracy), 75.0 % are right."
    assert said(content, "zh")["verdict.balanced"] == "按类别平均（平衡准确率），答对 75.0 %。"
    tested = replace(content, val_confusion=np.diag([20, 20]), test_confusion=np.array([[90, 0], [5, 5]]))
    assert "verdict.balanced" not in said(tested)  # all are right
    assert said(tested)["verdict.balanced.weakest"] == (
        "Averaged over the classes, 75.0 % are right; of the weakest, b, 5 of 10."
    )


HARDER = (
    "The validation photos are of another kind than the training photos: 62 % of them are right, and 81 % of the training photos "
    "out of fold, which is not by chance. Expect the lower figure for photos like the validation photos, and collect training "
    "photos like these."
)
EASIER = (
    "The validation photos are answered better than the training photos: 90 % of them are right, and only 60 % of the training "
    "photos out of fold, which is not by chance. They are easier, or much like some training photos, or labels of training "
    "photos are wrong. If no labels are wrong, expect the lower figure for photos like the training photos, and validate with "
    "photos like those that will be answered."
)
SHARES = (
    "90 % of the validation photos are right, and 60 % of the training photos out of fold. The reason is that the classes have "
    "other shares of them; compare the figures averaged over the classes."
)


def answered(*rights):
    """A confusion matrix of classes with so many right answers and photos."""
    matrix = np.diag([right for right, _ in rights])
    for label, (right, count) in enumerate(rights):
        matrix[label, label - 1] += count - right
    return matrix


@pytest.mark.parametrize(
    "validation, folds, key, words",
    [
        (answered((62, 100), (62, 100)), answered((243, 300), (243, 300)), "harder", HARDER),
        (answered((62, 100), (62, 100)), answered((12, 15), (12, 15)), None, None),  # the intervals overlap
        (answered((90, 100), (90, 100)), answered((180, 300), (180, 300)), "easier", EASIER),
        (answered((9, 10), (9, 10)), answered((210, 300), (210, 300)), None, None),
        (answered((86, 90), (4, 10)), answered((48, 50), (252, 450)), "shares", SHARES),
        (
            answered((90, 100), (90, 100), *[(0, 0)] * 98),
            answered(*[(3, 5)] * 100),
            None,
            None,
        ),  # too few to learn from
    ],
)
def test_validation_photos_of_another_kind_are_said_to_be(validation, folds, key, words):
    content = Report(tuple(map(str, range(len(folds)))), validation, held_out_confusion=folds)
    found = {name: text for name, text in said(content).items() if name.startswith("verdict.kind")}
    assert found == ({f"verdict.kind.{key}": words} if key else {})
    assert {f"verdict.kind.{key}"} & set(said(content, "zh")) == set(found)
    assert not any(name.startswith("verdict.kind") for name in said(replace(content, held_out_confusion=None)))


def test_what_is_done_about_uneven_classes_is_said():
    prior = PriorCorrection(0.6, np.zeros(2), 0.5, 0.8125)
    content = Report(("a", "b"), np.diag([20, 20]), prior=prior)
    assert said(content)["verdict.prior"] == (
        "The classes have different numbers of training photos, which speak for the large ones in every answer; 60 % of that is "
        "taken back. So much was best on photos set aside in turn: averaged over the classes 81.2 % right, without it 50.0 %."
    )
    assert "其中 60 % 已被抵消" in said(content, "zh")["verdict.prior"]
    assert "verdict.chosen.folds" in said(content) and "verdict.chosen.best" not in said(content)
    assert "verdict.chosen.best" in said(replace(content, mode="finetune"))
    none = said(replace(content, prior=replace(prior, strength=0.0, after=0.5)))
    assert none["verdict.prior.none"] == (
        "The classes have very different numbers of training photos. To take this back in the answers brought no clear gain on "
        "photos set aside in turn, so it is not done."
    )
    assert not any(name.startswith("verdict.prior") for name in said(replace(content, prior=None)))


def test_what_few_photos_prove_is_said():
    content = Report(("a", "b"), np.array([[2, 0], [1, 1]]), validation="in turn")
    told = said(content)
    assert told["verdict.val.turns"] == (
        "There are too few photos to set some aside. So each of 4 training photos was answered by a classifier that had not "
        "learned from it (leave one out, of each class at a time): 3 are answered right. So few photos prove no more, with 95 % "
        "certainty, than this share of right answers for photos of the same kind: 19 % to 100 %."
    )
    assert told["verdict.chosen.turns"] == (
        "The classifier in the checkpoint has learned from all of these photos, and itself was tested on none."
    )
    told = said(Report(("a", "b"), np.diag([1, 1]), validation="learned"))
    assert list(told) == ["verdict.val.learned", "verdict.single"]
    assert told["verdict.val.learned"] == (
        "Nothing was tested: no class has a photo to spare. 2 of 2 answers are right, but to the very photos that were learned, "
        "so this says nothing about other photos, and confidences were not checked. Add photos to the classes, or a folder val/."
    )
    assert "留一法" in said(content, "zh")["verdict.val.turns"]


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


def test_a_class_that_is_hardly_answered_and_a_set_that_is_mostly_refused_are_warnings():
    matrix = np.array([[1, 29], [2, 28]])
    for found, warned in ((matrix, True), (np.array([[10, 11], [38, 37]]), False)):
        (weakest,) = (one for one in judge(Report(("a", "b"), found)) if one.key == "verdict.weakest")
        assert weakest.warning == warned
    scores = {"val": np.repeat([5.0, 1.0], (38, 22))}
    for threshold, warned in ((2.0, True), (6.0, False)):
        content = Report(("a", "b"), matrix, neither=Rejections(threshold, scores), refused_right=0)
        assert [one.warning for one in judge(content) if one.key.startswith("verdict.refused")] == [warned]
