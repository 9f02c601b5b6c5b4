"""Classes of very different size, on real photos: the correction is in all that a run leaves, and helps the small classes."""

import csv

import pytest
import uneven
from conftest import SHARED, Run, metrics

from mobilenetv2.classifier import Classifier

needs_sets = pytest.mark.skipif(not (SHARED / "sets").is_dir(), reason="needs real photos in ../shared/sets")


@needs_sets
def test_half_of_the_classes_have_a_tenth_of_the_photos(tmp_path, cache):
    uneven.uneven(SHARED / "sets" / "trash", tmp_path / "photos", "half a tenth")
    paths = ["--data_url=photos", f"--pretrain_url={SHARED / 'weights'}", f"--cache_dir={cache}", "--output_path=out"]
    run = Run([*paths, "--leaks=drop", "--bad_files=skip"], tmp_path)
    assert run.code == 0, run.out + run.err
    strength, balanced, accuracy = uneven.scores(tmp_path / "out")
    assert strength > 0 and balanced[0] >= balanced[1] + 5 and accuracy[1] - accuracy[0] <= balanced[0] - balanced[1]
    result, classifier = metrics(tmp_path / "out"), Classifier(str(tmp_path / "out"))
    assert classifier.description.hyperparameters["prior_correction"] == {"strength": strength}
    assert result["val"]["balanced_accuracy"] == pytest.approx(balanced[0] / 100)
    gain = result["prior_correction"]["balanced_accuracy"]
    assert gain["after"] == pytest.approx(result["folds"]["balanced_accuracy"]) and gain["after"] > gain["before"]
    sentence = (
        f"{100 * strength:.0f} % of that is taken back. So much was best on photos set aside in turn: averaged over the classes "
        f"{100 * gain['after']:.1f} % right, without it {100 * gain['before']:.1f} %."
    )
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8").replace("\xa0", " ")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").replace("\xa0", " ")
    assert sentence in run.out and sentence in page and sentence in card
    worst = result["val"]["worst_class"]
    said = f"averaged over the classes {balanced[0]:.1f} %, the weakest is {worst['name']} with {worst['correct']} of"
    assert said in run.out
    # The network itself answers so: all that use the checkpoint have the correction.
    with open(tmp_path / "out" / "validation.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))[::30]
    for row in rows:
        answer = classifier.answer((tmp_path / "photos" / row["photo"]).read_bytes())
        expected = {name: float(row[f"confidence {name}"]) for name in result["classes"]}
        assert answer.confidences == pytest.approx(expected, abs=1e-4)
