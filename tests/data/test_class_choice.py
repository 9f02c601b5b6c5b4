"""--classes and --merge: what may be typed, what becomes of each layout, and every mistake in one error."""

import csv
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from folders import fill

from mobilenetv2.command_line import parse_arguments
from mobilenetv2.config import Settings, resolve
from mobilenetv2.data import dataset
from mobilenetv2.data.class_choice import check_choice, read_choice, read_classes, read_merges, write_classes
from mobilenetv2.data.layout import NEITHER
from mobilenetv2.inputs import read_inputs
from mobilenetv2.runtime.errors import UserError

NFD = unicodedata.normalize("NFD", "café")


@pytest.mark.parametrize(
    "text, names",
    [
        ("b,a", ("a", "b")),
        (" a , b ,a", ("a", "b")),
        ('"red, green",blue', ("blue", "red, green")),
        ('"a=b","say ""hi""", c', ("a=b", "c", 'say "hi"')),
        (f"猫,{NFD}", (unicodedata.normalize("NFC", NFD), "猫")),
        ("Dog,dog", ("Dog", "dog")),
        ("a\u200bb,ab", ("a\u200bb", "ab")),  # what is not seen stays
        ("big dog,'quoted'", ("'quoted'", "big dog")),
    ],
)
def test_names_of_classes(text, names):
    assert read_classes(text) == tuple(sorted(names))
    assert read_classes(write_classes(text)) == tuple(sorted(names))  # what is recorded says the same


@pytest.mark.parametrize("text", ["a,,b", ",", "a=b", '"a', 'a"b"', '"a"b,c', "neither,a", "a,b\x07", '""'])
def test_what_is_no_list_of_classes(text):
    with pytest.raises(UserError):
        read_classes(text)


def test_merges_are_read_as_pairs():
    assert read_merges("kitten=cat, puppy = dog") == {"kitten": "cat", "puppy": "dog"}
    assert read_merges('"a,b"="c=d"') == {"a,b": "c=d"} and read_merges("a=b,b=a") == {"a": "b", "b": "a"}
    assert read_merges("a=b,a=b") == {"a": "b"}
    for text in ("a", "a=", "=b", "a=b=c", "a=b,c", "a=b,a=c", "a=neither", "neither=a", "a=b,"):
        with pytest.raises(UserError):
            read_merges(text)


def test_wrong_values_are_reported_with_the_others():
    with pytest.raises(UserError) as caught:
        parse_arguments(Settings, ["--classes=a,,b", "--merge=a", "--epochs=x"])
    lines = str(caught.value).split("\n")
    assert [line.split(":")[0] for line in lines] == ["--classes=a,,b", "--merge=a", "--epochs=x"]
    assert any("expected OLD=NEW" in line for line in lines) and any("names of classes" in line for line in lines)


def test_the_order_is_no_other_run():
    first, second = (parse_arguments(Settings, [f"--classes={text}"])[0] for text in ("b,a", "a, b"))
    assert first.classes == second.classes == "a,b"
    # Another choice is another run: it is among what a state of a stopped training is compared by.
    recorded = [resolve(settings, None).recorded for settings in (Settings(), first, replace(first, merge="c=a"))]
    assert [(one["classes"], one["merge"]) for one in recorded] == [("", ""), ("a,b", ""), ("a,b", "c=a")]


def split_folders(root, names=("bird", "cat", "kitten", "dog")):
    fill(root, *(f"{split}/{name}/{n}.png" for split in ("train", "val", "test") for name in names for n in range(3)))
    fill(root, "train/neither/1.png", "train/neither/2.png", colour=5)
    return root


def flat_folders(root, names=("bird", "cat", "kitten", "dog")):
    fill(root, *(f"{name}/{n}.png" for name in names for n in range(3)))
    return root


def table(root, names=("bird", "cat", "kitten", "dog")):
    fill(root, *(f"{number}.png" for number in range(12)))
    with open(root / "labels.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([("file", "class"), *((f"{n}.png", names[n % 4]) for n in range(12))])
    return root


LAYOUTS = {"split": (split_folders, 3), "flat": (flat_folders, 3), "table": (table, 3)}


def found(root, classes="", merge=""):
    return dataset.scan_folder(str(root), choice=read_choice(classes, merge))


@pytest.mark.parametrize("form", LAYOUTS)
def test_every_layout(tmp_path, form):
    make, each = LAYOUTS[form]
    root = make(tmp_path / "x")
    before = sorted(path for path in root.rglob("*"))
    data = found(root, "cat,dog", "kitten=cat")
    assert data.classes == ("cat", "dog") and data.counts("train") == {"cat": 2 * each, "dog": each}
    if form == "split":
        assert data.counts("val") == data.counts("test") == {"cat": 6, "dog": 3} and len(data.split(NEITHER)) == 2
    names = {photo.name for photo in data.photos if photo.label == 0 and photo.split == "train"}
    assert form == "table" or {Path(name).parent.name for name in names} == {"cat", "kitten"}  # as on the disk
    assert {finding.name: str(finding.text) for finding in data.findings} == {
        "--merge": "renamed: kitten=cat",
        "--classes": "not chosen: bird",
    }
    assert data.layout.to_json()["merged"] == ["kitten=cat"] and data.layout.to_json()["not_chosen"] == ["bird"]
    assert "renamed: kitten=cat, not chosen: bird" in str(data.layout)
    assert sorted(path for path in root.rglob("*")) == before
    # A rename changes the labels, and with them the fingerprint; the same classes in another order do not.
    assert data.photos == found(root, "dog,cat", "kitten=cat").photos


def test_swaps_and_chains_rename_once(tmp_path):
    root = flat_folders(tmp_path / "x", ("a", "b", "c"))

    def folders(merge):
        data = found(root, merge=merge)
        return {
            name: {Path(photo.name).parent.name for photo in data.photos if data.classes[photo.label] == name}
            for name in data.classes
        }

    assert folders("a=b,b=a") == {"a": {"b"}, "b": {"a"}, "c": {"c"}}
    assert folders("a=b,b=c") == {"b": {"a"}, "c": {"b", "c"}}
    assert folders("a=x,b=x") == {"x": {"a", "b"}, "c": {"c"}}
    assert folders("a=c") == {"c": {"a", "c"}, "b": {"b"}}


def test_splits_that_share_classes_only_after_the_merging(tmp_path):
    fill(tmp_path, *(f"train/{name}/{n}.png" for name in ("kitten", "dog") for n in range(3)))
    fill(tmp_path, *(f"val/{name}/{n}.png" for name in ("cat", "hound") for n in range(3)), colour=1)
    data = found(tmp_path, merge="kitten=cat,hound=dog")
    assert data.counts("train") == data.counts("val") == {"cat": 3, "dog": 3}
    assert all(finding.kind == "note" for finding in data.findings)
    # What is missing is named as on the disk.
    fill(tmp_path, "train/puppy/1.png", "train/puppy/2.png", colour=2)
    errors = [one for one in found(tmp_path, merge="kitten=cat,hound=dog,puppy=wolf").findings if one.kind == "error"]
    assert [(one.name, str(one.text)) for one in errors] == [
        ("val/puppy", "missing: the class folder puppy is only in train/")
    ]


def test_what_lies_in_a_folder_that_is_not_chosen_is_not_looked_at(tmp_path):
    root = flat_folders(tmp_path / "x")
    (root / "bird" / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 30)
    assert any("film" in str(one) for one in found(root).findings)
    assert not any("film" in str(one) for one in found(root, "cat,dog").findings)


def problems(classes="", merge="", here=("bird", "Dog", "red, green", "cat"), weights=()):
    choice = read_choice(classes, merge)
    left = [name for name in sorted({choice.rename(one) for one in here}) if choice.takes(name)]
    try:
        check_choice(choice, here, left, weights)
    except UserError as error:
        return str(error).split("\n")
    return []


def test_unknown_names_are_all_said_with_what_was_meant():
    assert problems("cta,dog,xyz,red", "brid=cat") == [
        "--merge: there is no class brid; did you mean bird?",
        "--classes: there is no class cta; did you mean cat?",
        "--classes: there is no class dog; did you mean Dog?",
        '--classes: there is no class red; did you mean "red, green"?',
        "--classes: there is no class xyz",
        'The classes of the photos after --merge: Dog, bird, cat, "red, green"',
    ]
    assert problems("cat,bird", "cat=animal")[0] == "--classes: there is no class cat; it becomes animal, write that"
    assert problems("animal,bird", "cat=animal") == [] == problems('cat,"red, green"')


def test_fewer_than_two_classes():
    assert problems("cat")[0] == "--classes and --merge leave cat alone, where two or more classes are needed"
    assert problems("", "cat=x,bird=x", ("cat", "bird"))[0].startswith("--classes and --merge leave x alone")


def test_a_class_that_the_weights_alone_know_may_be_renamed():
    assert problems("", "hund=Dog", weights=("hund", "cat")) == []
    assert problems("", "hund=Dog")[0].startswith("--merge: there is no class hund")
    assert problems("", "hund=Dog", weights=None) == []  # weights that cannot be read may know it


def test_what_the_built_in_network_knows_is_no_name_of_the_users(tmp_path):
    root = flat_folders(tmp_path / "x")
    with pytest.raises(UserError, match="there is no class croissants"):
        read_inputs(Settings(data_url=str(root), merge="croissants=cake"), tmp_path)


def test_mistakes_in_names_and_weights_are_in_one_error(tmp_path):
    root = flat_folders(tmp_path / "x")
    settings = Settings(data_url=str(root), pretrain_url=str(tmp_path / "none.ckpt"), classes="cat,dgo")
    with pytest.raises(UserError) as caught:
        read_inputs(settings, tmp_path)
    assert "none.ckpt" in str(caught.value) and "there is no class dgo; did you mean dog?" in str(caught.value)
