"""Whether left and right matter is found out, said and acted upon, in views and in the search for copies, in whole runs."""

import json
import subprocess
import sys

import pytest
from conftest import SHARED, Run, metrics, needs_shared
from folders import write_arrows, write_letters
from PIL import Image, ImageOps

TINY = ["--epochs=2", "--thumbnails=0"]


def run(folder, cache, name, *arguments):
    """The finished run, its output folder, and its findings as (kind, name) -> text."""
    done = Run(["--data_url=p", f"--output_path={name}", f"--cache_dir={cache}", *arguments], folder)
    found = json.loads((folder / name / "check.json").read_text(encoding="utf-8"))["findings"]
    return done, folder / name, {(one["kind"], one["name"]): one["text"] for one in found}


@pytest.fixture(scope="module")
def arrows(tmp_path_factory):
    """Arrows to the left and to the right, two of which are mirror images of each other."""
    folder = tmp_path_factory.mktemp("arrows")
    write_arrows(folder / "p" / "train", 40)
    write_arrows(folder / "p" / "val", 20, seed=1)
    image = Image.open(folder / "p/train/left/000.png")
    ImageOps.mirror(image).save(folder / "p/train/right/mirrored.png")
    return folder


@needs_shared
@pytest.mark.parametrize("variant", [[], ["same"]])
def test_signs_that_differ_by_left_and_right(variant, tmp_path, cache):
    make = SHARED / "cases" / "left-right" / "make.py"
    subprocess.run([sys.executable, make, tmp_path / "p", *variant], check=True)
    out, results = {}, {}
    for mirror in ("auto", "no", "yes"):
        done, out[mirror], found = run(tmp_path, cache, mirror, f"--mirror={mirror}", "--leaks=allow")
        assert done.code == 0, done.out + done.err
        results[mirror] = metrics(out[mirror])
        assert sum(kind == "mirror" for kind, _ in found) == (mirror != "no")
    assert [results[mirror]["settings"]["mirror"] for mirror in ("auto", "no", "yes")] == ["no", "no", "yes"]
    assert results["auto"]["val"]["correct"] >= 28 and results["yes"]["val"]["correct"] <= 24
    # What auto comes to is what may be typed.
    assert (out["auto"] / "mobilenetv2.ckpt").read_bytes() == (out["no"] / "mobilenetv2.ckpt").read_bytes()


@needs_shared
@pytest.mark.parametrize("make", [write_arrows, lambda root, *rest, **more: write_letters(root, "bdpq", *rest, **more)])
def test_arrows_and_letters_with_better_weights(make, tmp_path, cache):
    make(tmp_path / "p" / "train", 40)
    make(tmp_path / "p" / "val", 20, seed=1)
    known = {}
    for mirror in ("auto", "yes"):
        done, output, _ = run(tmp_path, cache, mirror, f"--mirror={mirror}", f"--pretrain_url={SHARED / 'weights'}")
        assert done.code == 0, done.out + done.err
        known[mirror] = metrics(output)["folds"]["accuracy"]
    assert known["auto"] >= 0.85 and known["yes"] <= 0.75


def test_a_mirrored_pair_does_not_stop_what_tells_left_from_right(arrows, cache):
    done, output, found = run(arrows, cache, "auto", *TINY)
    assert done.code == 0, done.out + done.err
    assert metrics(output)["settings"]["mirror"] == "no" and metrics(output)["data"]["train"] == {
        "left": 40,
        "right": 41,
    }
    assert [kind for kind, _ in found] == ["mirror"]
    assert "so this run mirrors nothing (--mirror no)" in done.out and "Mirroring: " in done.out
    told, same, _ = run(arrows, cache, "no", *TINY, "--mirror=no")
    assert told.code == 0 and (same / "mobilenetv2.ckpt").read_bytes() == (output / "mobilenetv2.ckpt").read_bytes()
    stopped, _, found = run(arrows, cache, "yes", *TINY, "--mirror=yes")
    assert stopped.code == 2 and list(found) == [("conflict", "train/right/mirrored.png")]
    assert "or use --mirror no, if left and right tell the classes apart:" in stopped.out
    dropped, output, found = run(arrows, cache, "dropped", *TINY, "--leaks=drop")  # nothing to drop after all
    assert dropped.code == 0 and metrics(output)["data"]["train"] == {"left": 40, "right": 41}
    assert [kind for kind, _ in found] == ["mirror"]


def test_a_mirrored_pair_stops_what_does_not(few, tmp_path, cache):
    (tmp_path / "p").symlink_to(tmp_path / "photos")
    subprocess.run(["cp", "-r", few, tmp_path / "photos"], check=True)
    image = Image.open(sorted((few / "train/dog").iterdir())[0])
    ImageOps.mirror(image).save(tmp_path / "photos/train/croissants/x.png")
    done, _, found = run(tmp_path, cache, "out", *TINY)
    assert done.code == 2 and [kind for kind, _ in found] == ["conflict"]
    assert "1 problem; mend it; or leave out copies with --leaks drop" in done.out and "--mirror no" in done.out


def test_the_check_says_when_mirroring_has_to_be_off(arrows, cache):
    done, output, found = run(arrows, cache, "check", "--check", "--mirror=yes", "--leaks=allow")
    ((name, text),) = [(name, text) for (kind, name), text in found.items() if kind == "mirror"]
    assert done.code == 0 and name in ("left", "right") and text.endswith("; --mirror no is needed")
    report = (output / "report.html").read_text(encoding="utf-8")
    assert "left and right matter" in report and "--mirror no is needed" in report
    done, _, found = run(arrows, cache, "check", "--check")
    assert done.code == 0 and [kind for kind, _ in found] == ["mirror"]
    done, _, found = run(arrows, cache, "check", "--check", "--mirror=no")
    assert done.code == 0 and not found and "Mirroring: " not in done.out


def test_from_random_numbers_only_copies_are_asked(arrows, tmp_path, cache):
    random = ["--pretrain_url=random", "--image_size=32", "--epochs=1"]
    done, _, found = run(arrows, cache, "random", *random)
    assert done.code == 2 and [kind for kind, _ in found] == ["conflict"] and "--mirror no" in done.out
    write_letters(tmp_path / "p", "bd", 12, mirrored=["bd"])
    done, output, found = run(tmp_path, cache, "random", *random)
    assert done.code == 0 and list(found) == [("mirror", "letter_b")], done.out
    assert metrics(output)["settings"]["mirror"] == "no"
    done, _, found = run(tmp_path, cache, "check", "--check", "--pretrain_url=random")
    assert done.code == 0 and list(found) == [("mirror", "letter_b")]


@pytest.mark.parametrize(
    "mode", [["--unfreeze=1"], ["--teacher_url=none/mobilenetv2.ckpt", "--image_size=32", "--last=64"]]
)
def test_other_trainings_mirror_nothing_either(mode, arrows, cache):
    run(arrows, cache, "none", *TINY, "--mirror=no")
    digests = {}
    for mirror in ("auto", "no", "yes"):
        arguments = [*mode, "--epochs=1", "--thumbnails=0", f"--mirror={mirror}", "--leaks=allow"]
        done, output, _ = run(arrows, cache, mirror, *arguments)
        assert done.code == 0, done.out + done.err
        digests[mirror] = (output / "validation.csv").read_bytes()
    assert digests["auto"] == digests["no"] != digests["yes"]


def test_drawings_may_be_mirrored(drawn):
    assert metrics(drawn)["settings"]["mirror"] == "yes"
    assert "drawings set aside for this test" in (drawn / "train.log").read_text(encoding="utf-8")


@needs_shared
def test_photos_may_be_mirrored(photos):
    assert metrics(photos)["settings"]["mirror"] == "yes"
    assert (
        "Mirroring: of 64 photos set aside for this test, 64 are answered right as they are and 64 mirrored. No clear loss, so "
        "pictures are mirrored, too (p = 1, a loss is clear below 0.01)."
    ) in (photos / "train.log").read_text(encoding="utf-8")
