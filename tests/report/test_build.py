"""What the report of a run claims: each sentence and number, and the file that makes it true.

`claims` makes all sentences at the top anew, from metrics.json, validation.csv, check.json and the checkpoint, without the code
of the report."""

import csv
import html
import json
import math
import re
import shutil
from collections import Counter
from typing import Any, Dict, Iterator, List, NamedTuple, Set

import mindspore as ms
import numpy as np
import pytest
from conftest import Run, metrics
from digests import as_torchvision
from PIL import Image
from scipy.stats import beta

from mobilenetv2.model.checkpoint import EMBEDDED

SMALL = ("--image_size=64", "--batch_size=4", "--epochs=2")
STUDENT = (f"--teacher_url={EMBEDDED}", "--image_size=32", "--last=32", "--epochs=1")
# Arguments of each run; "weights" stands for a file in torchvision's form, "dirty" for photos with copies and broken files.
RUNS: Dict[str, List[str]] = {
    "weights": ["--pretrain_url=weights.npz", *SMALL],
    "built-in": [*SMALL],
    "allow": ["--data_url=dirty", "--leaks=allow", "--bad_files=skip", "--pretrain_url=weights.npz", *SMALL],
    "drop": ["--data_url=dirty", "--leaks=drop", "--bad_files=skip", "--pretrain_url=weights.npz", *SMALL],
    "stopped": ["--data_url=dirty", "--pretrain_url=weights.npz", *SMALL],
    "check": ["--data_url=dirty", "--check", "--leaks=allow", "--bad_files=skip", *SMALL],
    "check with a teacher": ["--check", f"--teacher_url={EMBEDDED}"],
    "compact": ["--compact", *SMALL],
    "unfreeze": ["--unfreeze=1", "--pretrain_url=weights.npz", *SMALL],
    "random": ["--pretrain_url=random", *SMALL],
    "teacher": [*STUDENT],
    "teacher, compact": [*STUDENT, "--compact"],
}
SILENT = ("built-in", "compact", "teacher, compact")  # which never answer "neither"
# What follows in the report on the photos that the temperature was fitted on.
FITTED = {
    "folds": ", each answered by a classifier that was trained without it.",
    "unseen": " that a second, shorter training had not seen.",
    "learned": " that the network has learned, so it may be too sure.",
}
UNTRAINED = ("stopped", "check", "check with a teacher")


class Told(NamedTuple):
    """What a run has left. page: report.html; facts: metrics.json; rows: of validation.csv; findings: of check.json; texts,
    tensors: of the checkpoint."""

    name: str
    page: str
    facts: Dict[str, Any]
    rows: List[Dict[str, str]]
    findings: List[Dict[str, str]]
    description: Dict[str, Any]
    threshold: float
    history: List[Dict[str, str]]


@pytest.fixture(scope="module")
def folder(drawings, built_in, tmp_path_factory):
    """clean/ has twelve drawings of each class to train, five to validate and two to test; dirty/ the same with a copy in two
    splits and in two classes, a copy in val and test, and two broken files."""
    root = tmp_path_factory.mktemp("claims")
    for split, first, count in (("train", 0, 12), ("val", 0, 5), ("test", 5, 2)):
        for class_ in ("croissants", "dog"):
            (root / "clean" / split / class_).mkdir(parents=True)
            files = sorted((drawings / ("val" if split == "test" else split) / class_).iterdir())
            for file in files[first : first + count]:
                shutil.copy(file, root / "clean" / split / class_)
    dirty = shutil.copytree(root / "clean", root / "dirty")
    Image.open(dirty / "val" / "dog" / "dog_001.jpg").save(dirty / "train" / "dog" / "leak.png")
    Image.open(dirty / "val" / "dog" / "dog_002.jpg").save(dirty / "test" / "dog" / "leak.png")
    Image.open(dirty / "train" / "dog" / "dog_003.jpg").save(dirty / "train" / "croissants" / "conflict.png")
    for name in ("broken.jpg", "empty.png"):
        (dirty / "train" / "dog" / name).write_bytes(b"no picture"[: len(name) - 9])
    np.savez(root / "weights.npz", **as_torchvision(ms.load_checkpoint(str(built_in / "mobilenetv2.ckpt"))))
    return root


@pytest.fixture(scope="module", params=RUNS)
def told(request, folder, cache):
    name = request.param
    output = folder / name.replace(" ", "_").replace(",", "")
    # The first value of an argument counts.
    run = Run([*RUNS[name], "--data_url=clean", f"--output_path={output}", f"--cache_dir={cache}"], folder)
    assert run.code == (2 if name == "stopped" else 0), run.out + run.err
    page = (output / "report.html").read_text(encoding="utf-8")
    findings = json.loads((output / "check.json").read_text(encoding="utf-8"))["findings"]
    if name in UNTRAINED:
        assert not (output / "metrics.json").exists() and not (output / "README.md").exists()
        return Told(name, page, {}, [], findings, {}, math.inf, [])
    saved = ms.load_checkpoint(str(output / "mobilenetv2.ckpt"))
    numbers = saved.get("neither.numbers")
    with open(output / "validation.csv", encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with open(output / "history.csv", encoding="utf-8", newline="") as stream:
        history = list(csv.DictReader(stream))
    threshold = math.inf if numbers is None else float(numbers.asnumpy()[1])
    description = json.loads(saved["description"])
    return Told(name, page, metrics(output), rows, findings, description, threshold, history)


def plain(source: str) -> str:
    """The text of HTML, all spaces alike."""
    text = re.sub(r"</?(bdi|wbr)>", "", source)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def is_held_out(told: Told) -> bool:
    """Whether the network has not learned these photos before, and no epoch of a fine-tuning was kept."""
    return told.name in ("weights", "allow", "drop", "unfreeze") and not learned_anew(told)


def learned_anew(told: Told) -> bool:
    """Whether more than the classifier was trained, and an epoch of that was kept."""
    return any(row["stage"] in ("finetune", "distill") and row["kept"] == "yes" for row in told.history)


def part(page: str, section: str) -> str:
    return re.search(rf'<(section|header) id="{section}">(.*?)</\1>', page, re.DOTALL)[2]


def reach(right: int, count: int) -> str:
    """The exact interval in words, by the quantiles of the beta distribution."""
    low = 100 * beta.ppf(0.025, right, count - right + 1) if right else 0
    high = 100 * beta.ppf(0.975, right + 1, count - right) if right < count else 100
    if right == count:
        return f"above {math.floor(low)} %"
    return f"{math.floor(low)} % to {math.ceil(high)} %" if right else f"below {math.ceil(high)} %"


def width(right: int, count: int) -> float:
    numbers = [int(number) for number in re.findall(r"\d+", reach(right, count))]
    return (numbers[-1] if right < count else 100) - (numbers[0] if right else 0)


def plural(count: int, word: str, other: str = "") -> str:
    return f"{count} {word if count == 1 else other or word + 's'}"


def classes_of(told: Told) -> Dict[str, Counter]:
    """By class of the validation photos: how often each class was answered."""
    found: Dict[str, Counter] = {}
    for row in told.rows:
        found.setdefault(row["class"], Counter())[row["answer"]] += 1
    return found


def splits_of(finding: Dict[str, str]) -> Set[str]:
    return {name.split("/")[0] for name in (finding["name"], finding["other"])}


def weak_and_few(by_class, weakest, all_right):
    """The sentences about the weakest class and the other one. by_class: right answers and photos."""
    correct, photos = by_class[weakest]
    yield (
        f"No class has a wrong answer. The least is proven of {weakest}: {correct} of {photos} right, {reach(correct, photos)}."
        if all_right
        else f"The weakest class is {weakest}: {correct} of {photos} right, {reach(correct, photos)}."
    )
    (other,) = set(by_class) - {weakest}
    correct, photos = by_class[other]
    yield (
        f"1 other class has fewer than 10 validation photos, which prove little: {other} ({correct} of {photos} right: "
        f"{reach(correct, photos)})."
    )


def claims(told: Told) -> Iterator[str]:
    """The sentences that are true of the run, and ought to be at the top of its page."""
    kinds = Counter(finding["kind"] for finding in told.findings)
    if told.name in UNTRAINED:
        yield "This page is about the photos alone: nothing has been trained."
    else:
        yield from about_results(told)
    skipped = "--bad_files=skip" in RUNS[told.name]
    if kinds["bad"]:
        count = kinds["bad"]
        yield (
            f"{plural(count, 'file')} that cannot be read {'was' if count == 1 else 'were'} left out (--bad_files skip)."
            if skipped
            else f"{plural(count, 'file')} of the data folder cannot be read."
        )
    if kinds["conflict"]:
        yield f"{plural(kinds['conflict'], 'pair')} of copies in two classes: of each, one label is wrong."
    if kinds["leak"]:
        harm = "results would promise" if told.name in UNTRAINED else "the results promise"
        yield f"{plural(kinds['leak'], 'pair')} of copies in two of train, val and test: {harm} more than they should."
    if kinds["dropped"]:
        yield (
            f"{plural(kinds['dropped'], 'photo')} {'was' if kinds['dropped'] == 1 else 'were'} left out because of copies in "
            "another split or class (--leaks drop); check.json names all of them."
        )
    looked_at = sum(count for kind, count in kinds.items() if kind not in ("note", "dropped"))
    if looked_at:
        yield f"{plural(looked_at, 'finding')} about the data set to look at, listed below."
    elif not kinds["dropped"]:
        yield "Nothing suspicious in the data set."


def averaged(matrix: np.ndarray, classes: List[str]) -> str:
    photos, right = matrix.sum(1), matrix.diagonal()
    worst = min(range(len(classes)), key=lambda label: (right[label] / photos[label], photos[label]))
    return (
        f"Averaged over the classes, {100 * np.mean(right / photos):.1f} % are right; of the weakest, {classes[worst]}, "
        f"{right[worst]} of {photos[worst]}."
    )


def about_results(told: Told) -> Iterator[str]:
    name, answers = told.name, classes_of(told)
    count, right = len(told.rows), sum(row["class"] == row["answer"] for row in told.rows)
    seen = "weights.npz" not in " ".join(RUNS[name]) and name != "random"  # the built-in network, or it as a teacher
    allowed = "--leaks=allow" in RUNS[name]
    before = {"val": {"train"}, "test": {"train", "val"}}
    copied = {
        split: {
            one
            for finding in told.findings
            for one in (finding["name"], finding["other"])
            if finding["kind"] in ("leak", "conflict") and one.startswith(split) and splits_of(finding) & before[split]
        }
        for split in ("val", "test")
    }
    assert allowed == bool(copied["val"]) == bool(copied["test"])
    yield (
        f"Of {count} validation photos, {right} are answered right. So many photos prove, with 95 % certainty, this share of "
        f"right answers for photos of the same kind: {reach(right, count)}."
    )
    if right < count:
        share = 100 * np.mean([found[class_] / sum(found.values()) for class_, found in answers.items()])
        yield f"Averaged over the classes (balanced accuracy), {share:.1f} % are right."
    have = {split: f"{len(names)} {'has' if len(names) == 1 else 'have'}" for split, names in copied.items()}
    if allowed:
        yield (
            f"Of the validation photos, {have['val']} a copy among the training photos (--leaks allow): this result promises "
            "more than it should."
        )
    yield (
        "The training did not use the validation photos themselves, and no epoch of the small network was chosen by them; only "
        "the best epoch of its teacher's classifier was."
        if "teacher" in name
        else "The training did not use the validation photos themselves; only its best epoch was chosen by them."
    )
    test = np.array(told.facts["test"]["confusion"])
    yield (
        f"Of {test.sum()} test photos, {test.trace()} are answered right. So many photos prove, with 95 % certainty, this share "
        f"of right answers: {reach(int(test.trace()), int(test.sum()))}."
    )
    if test.trace() < test.sum():
        yield averaged(test, told.facts["classes"])
    if allowed:
        yield (
            f"Of the test photos, {have['test']} a copy among the training or validation photos (--leaks allow): this result "
            "promises more than it should."
        )
    yield "The test photos themselves had no part in the training or in any choice."
    if seen:
        yield (
            "If the starting weights have already learned from these photos, in an earlier training, the results promise more "
            "than they should."
        )
    if is_held_out(told):
        folds = told.facts["folds"]
        yield (
            f"Out of fold, {folds['correct']} of {folds['count']} are right: every training photo was answered by a classifier "
            "that had learned from neither it nor a copy of it."
        )
        if folds["correct"] < folds["count"]:
            worst = folds["worst_class"]
            yield (
                f"Averaged over the classes, {100 * folds['balanced_accuracy']:.1f} % are right; of the weakest, "
                f"{worst['name']}, {worst['correct']} of {worst['count']}."
            )
    by_class = {class_: (found[class_], sum(found.values())) for class_, found in answers.items()}
    weakest = min(by_class, key=lambda class_: (by_class[class_][0] / by_class[class_][1], by_class[class_][1], class_))
    photos = by_class[weakest][1]
    if set(by_class.values()) == {(photos, photos)}:
        yield f"No class has a wrong answer; each has {photos} of {photos} right, {reach(photos, photos)}."
        assert photos < 10
        yield "No class has 10 validation photos or more: so few prove little about a class."
    else:
        yield from weak_and_few(by_class, weakest, right == count)
    largest = max(photos for _, photos in by_class.values())
    lowest = 100 * beta.ppf(0.025, right, count - right + 1) if right else 0
    if lowest <= 100 * largest / count:
        guess = min(class_ for class_, (_, photos) in by_class.items() if photos == largest)
        yield (
            f"This is not proven to be better than always answering {guess}, which would be right for "
            f"{round(100 * largest / count)} % of the validation photos."
        )
    if width(right, count) > 20:
        yield "The range is wide because the validation photos are few; more of them would narrow it."
    wrong = Counter((row["class"], row["answer"]) for row in told.rows if row["class"] != row["answer"])
    if wrong:
        (true, answer), times = sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0]))[0]
        yield f"The most frequent mistake: {true} is said to be {answer} ({plural(times, 'validation photo')})."
    if name in SILENT:
        assert told.threshold >= 10 and {row["refused"] for row in told.rows} == {""}
        why = (
            "a compact file has no room for refusing pictures of anything else."
            if "compact" in name
            else "it knew these classes, or some, before this training, and these photos alone cannot tell what else belongs "
            "to them."
        )
        yield f"This network always answers with a class: {why}"
    else:
        refused = [row for row in told.rows if float(row["neither score"]) > told.threshold]
        assert refused == [row for row in told.rows if row["refused"] == "yes"]
        assert len(refused) == told.facts["val"]["refused"]
        yes = sum(row["class"] == row["answer"] for row in refused)
        yield (
            f"The counts above take the class that fits best, also for {len(refused)} of the {count} validation photos that "
            f"would be refused as none of the classes ({yes} right, {len(refused) - yes} wrong)."
            if refused
            else f"None of these {count} validation photos would be refused as none of the classes."
        )


def test_every_sentence_at_the_top_is_true_and_none_is_missing(told):
    said = [
        plain(text) for text in re.findall(r"<p(?: class=\"warning\")?>(.*?)</p>", part(told.page, "verdict"), re.S)
    ]
    assert said == list(claims(told))


def test_the_starting_weights_are_named(told):
    start = {
        "weights": "a file in the form of torchvision",
        "built-in": "the small built-in network of this program",
        "allow": "a file in the form of torchvision",
        "drop": "a file in the form of torchvision",
        "stopped": "a file in the form of torchvision",
        "check": "the small built-in network of this program",
        "check with a teacher": "a checkpoint of this program",
        "compact": "the small built-in network of this program",
        "unfreeze": "a file in the form of torchvision",
        "random": "random numbers",
        "teacher": "random numbers, taught by a checkpoint of this program",
        "teacher, compact": "random numbers, taught by a checkpoint of this program",
    }[told.name]
    head = plain(part(told.page, "verdict"))
    assert f"Starting weights: {start}" in head and f"Starting weights {start}" in plain(part(told.page, "run"))
    if told.description and told.name != "random":
        origin = told.description["origin"]
        assert f"(SHA-256 of its layers {origin.get('teacher', origin)['backbone'][:12]})" in head


def test_a_page_without_training_says_so(told):
    title = plain(re.search("<h1>(.*?)</h1>", told.page)[1])
    assert title == ("Data check" if told.name in UNTRAINED else "Training report")
    sections = re.findall(r'<section id="(\w+)"', told.page)
    assert ("curves" in sections) == ("confusion" in sections) == (told.name not in UNTRAINED)


def test_tiles_curves_tables_and_photos_are_those_of_the_files(told):
    if told.name in UNTRAINED:
        return
    head, right = plain(part(told.page, "verdict")), sum(row["class"] == row["answer"] for row in told.rows)
    assert f"{right} of {len(told.rows)} validation photos right {reach(right, len(told.rows))}" in head
    # Curves: a heading for each training, by what it is in this mode, and the epoch that was kept.
    names = {
        "random": ["Training from random numbers"],
        "unfreeze": ["Classifier on fixed features", "Fine-tuning"],
        "teacher": ["The teacher's classifier on fixed features", "Small network, taught by the large one"],
    }
    curves = part(told.page, "curves")
    expected = names.get(told.name.split(",")[0], ["Classifier on fixed features"])
    assert [plain(text) for text in re.findall("<h3>(.*?)</h3>", curves)] == expected
    kept = [row for row in told.history if row["kept"] == "yes"]
    assert len({row["stage"] for row in told.history}) == len(expected)
    sentences = [
        f"Epoch {row['epoch']}: {row['validation right']} of {row['validation photos']} right, validation loss "
        f"{float(row['validation loss']):.3f}."
        for row in kept
    ]
    assert re.findall(r"Epoch \d+: \d+ of \d+ right, validation loss [\d.]+\.", plain(curves)) == sentences
    assert plain(curves).count("No epoch was better") == len(expected) - len(kept)
    if "teacher" in told.name:
        assert kept[-1] == told.history[-1]  # the last one
        assert "training: distance from the teacher's features and confidences" in plain(curves)
        table = plain(part(told.page, "comparison"))
        for row in told.facts["comparison"].values():
            assert f"{row['correct']} of {row['count']} {row['parameters']:,}" in table
    # Classes: right answers, refused photos.
    tables = re.split(r"<h3>", part(told.page, "confusion"))
    table = next(text for text in tables if text.startswith("Validation photos"))
    for class_, found in classes_of(told).items():
        row = re.search(
            rf'<tr><th scope="row"><bdi>{class_}</bdi></th><td>\s*<span class="number">(.*?)</tr>', table, re.S
        )
        numbers = plain(row[1])
        assert numbers.startswith(f"{found[class_]} of {sum(found.values())}")
        if told.name not in SILENT:
            refused = sum(row["refused"] == "yes" and row["class"] == class_ for row in told.rows)
            assert re.search(r"<td>(\d+)</td>$", row[1].strip())[1] == str(refused)
    # Calibration and outlier scores.
    ece = told.facts["val"]["ece"]
    text = plain(part(told.page, "calibration"))
    assert f"Before: ECE {ece['before']:.3f}" in text and f"After: ECE {ece['after']:.3f}" in text
    assert f"Temperature {told.facts['temperature']:.2f}" in text
    assert told.facts["temperature"] == told.description["temperature"]
    fitted = told.facts["calibration"]
    assert f"It was fitted on {fitted['photos']} training photos{FITTED[fitted['source']]}" in text
    assert (fitted["source"] != "folds") == learned_anew(told)
    assert ("folds" in told.facts) == is_held_out(told)  # where the report shows it
    assert told.facts["threshold"] == (None if told.name in SILENT else told.threshold)
    if told.name in SILENT:
        assert 'id="neither"' not in told.page
    else:
        text = plain(part(told.page, "neither"))
        refused = sum(row["refused"] == "yes" for row in told.rows)
        assert f"the line at {told.threshold:.3f}" in text and f"{refused} of {len(told.rows)} refused" in text
        assert ("Training photos, out of fold" in text) == is_held_out(told)
        assert ("Training photos, which the network has learned" in text) != is_held_out(told)
    # Photos: the wrong ones first, each with its answer, and marked where it is refused.
    answers = re.findall(r'<div class="answer">(.*?)</div>\s*</div>', part(told.page, "photos"), re.S)
    assert len(answers) == min(12, len(told.rows))
    by_photo = {row["photo"]: row for row in told.rows}
    for number, answer in enumerate(answers):
        row = by_photo[plain(answer.split('class="quiet">')[1])]
        is_wrong = row["class"] != row["answer"]
        words = f"{row['class']}, said to be {row['answer']}" if is_wrong else row["class"]
        mark = " refused" if row["refused"] == "yes" else ""
        share = 100 * max(float(row[f"confidence {class_}"]) for class_ in told.facts["classes"])
        assert re.fullmatch(
            rf"(wrong|right) {share:.1f} %{mark} ?{re.escape(words)} ?{re.escape(row['photo'])}", plain(answer)
        )
        assert is_wrong == (number < len(told.rows) - right)


def test_findings_and_counts_are_those_of_check_json(told):
    shown = [plain(text) for text in re.findall(r'<span dir="auto">(.*?)</span>', told.page, re.S)]
    assert Counter(shown) == Counter(" ".join(finding["text"].split()) for finding in told.findings)
    if told.description:
        run = plain(part(told.page, "run"))
        for class_ in told.facts["classes"]:
            counts = [told.description["data"][split][class_] for split in ("train", "val", "test")]
            assert f"{class_} {' '.join(map(str, counts))}" in run
        assert told.description["data"]["fingerprint"] in run


def test_the_model_card_says_the_same(told, folder):
    if told.name in UNTRAINED:
        return
    card = (folder / told.name.replace(" ", "_").replace(",", "") / "README.md").read_text(encoding="utf-8")
    english = card.split("-->\n")[1].split("\n# ")[1]
    said = re.findall(r"^- (.*)$", english.split("## How good it is")[1].split("## Limits")[0], re.MULTILINE)
    left_out = ("about the data set to look at", "Nothing suspicious")
    expected = [text for text in claims(told) if not any(words in text for words in left_out)]
    assert [re.sub(r"\\(.)", r"\1", text).replace("\xa0", " ") for text in said] == expected
