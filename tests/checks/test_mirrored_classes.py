"""Classes that are mirror images of each other are told from mistakes."""

from pathlib import Path

import pytest
from folders import write_letters
from PIL import Image, ImageOps

from mobilenetv2.checks.copy_search import Pair
from mobilenetv2.checks.data_check import act_on_findings, check_photos
from mobilenetv2.checks.mirrored_classes import find_mirrored_classes
from mobilenetv2.data import dataset
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.dataset import Photo
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.runtime.errors import UserError


def checked(root, mirror):
    found = dataset.scan_folder(str(root))
    return check_photos(found, Preprocessing(64), PhotoCache(str(root.parent / "cache")), 2, mirror=mirror)


def kinds(found):
    return sorted({finding.kind for finding in found.data.findings})


def photos(*sizes):
    return [Photo(Path("x"), f"{label}/{n}", label, "train") for label, size in enumerate(sizes) for n in range(size)]


def pair(first, second, mirrored=True):
    return Pair(first, second, False, mirrored, 0.99)


@pytest.mark.parametrize("letters, pairs", [("bd", ("bd",)), ("bdpq", ("bd", "pq"))])
def test_classes_of_mirror_images(tmp_path, letters, pairs):
    write_letters(tmp_path / "p", letters, 12, mirrored=pairs)
    found = checked(tmp_path / "p", "auto")
    assert not found.mirror and kinds(found) == ["mirror"] and len(found.data.findings) == len(pairs)
    assert [(one.name, one.other) for one in found.data.findings] == [(f"letter_{a}", f"letter_{b}") for a, b in pairs]
    assert found.data.findings[0].text == (
        "12 of its 12 photos are mirror images of photos of letter_d: left and right matter, so this run mirrors nothing, and "
        "takes no mirror image for a copy (--mirror no)"
    )
    told, same = checked(tmp_path / "p", "no"), checked(tmp_path / "p", "yes")
    assert told.data.photos == found.data.photos and not told.mirror and kinds(told) == []
    assert same.mirror and kinds(same) == ["conflict"]
    with pytest.raises(UserError) as caught:
        act_on_findings(same.data.findings, leaks="stop")
    lines = str(caught.value).split("\n  ")
    assert lines[0] == (
        f"the data set has {12 * len(pairs)} problems; mend them; or leave out copies with --leaks drop; or use them all the "
        "same with --leaks allow; or use --mirror no, if left and right tell the classes apart:"
    )
    assert all(": mirrored copy of letter_" in line for line in lines[1:])


def test_one_mirrored_copy_in_another_class_is_a_mistake(tmp_path):
    write_letters(tmp_path / "p", "bp", 12)
    ImageOps.mirror(Image.open(tmp_path / "p/letter_b/003.png")).save(tmp_path / "p/letter_p/x.png")
    for mirror in ("auto", "yes"):
        found = checked(tmp_path / "p", mirror)
        assert found.mirror and [(one.kind, one.name) for one in found.data.findings] == [
            ("conflict", "letter_p/x.png")
        ]
    assert kinds(checked(tmp_path / "p", "no")) == []


def test_without_mirrored_copies_no_option_for_them_is_named(tmp_path):
    write_letters(tmp_path / "p", "bp", 6)
    Image.open(tmp_path / "p/letter_b/003.png").save(tmp_path / "p/letter_p/x.jpg", quality=90)
    with pytest.raises(UserError) as caught:
        act_on_findings(checked(tmp_path / "p", "auto").data.findings, leaks="stop")
    assert str(caught.value).startswith(
        "the data set has 1 problem; mend it; or leave out copies with --leaks drop; or use them all the same "
        "with --leaks allow:"
    )


@pytest.mark.parametrize(
    "sizes, pairs, expected",
    [
        ((20, 20), [(n, 20 + n) for n in range(20)], [(0, 1, 20, 20)]),
        ((20, 20), [(n, 20 + n) for n in range(5)], [(0, 1, 5, 20)]),
        ((20, 20), [(n, 20 + n) for n in range(4)], []),  # too few to be a rule
        ((100, 100), [(n, 100 + n) for n in range(24)], []),  # a small share
        ((100, 20), [(n, 100 + n) for n in range(6)], [(1, 0, 6, 20)]),  # of the smaller class it is not
        ((20, 20), [(n, 20) for n in range(6)], [(0, 1, 6, 20)]),
        ((20, 20, 20), [(n, 40 + n) for n in range(10)], [(0, 2, 10, 20)]),
        ((20, 20), [], []),
    ],
)
def test_when_it_is_the_rule(sizes, pairs, expected):
    found = find_mirrored_classes(photos(*sizes), [pair(*two) for two in pairs])
    assert [(one.first, one.second, one.mirrored, one.count) for one in found] == expected


def test_mistakes_say_the_opposite():
    across = [pair(n, 20 + n) for n in range(6)]
    within, plain = [pair(2 * n, 2 * n + 1) for n in range(6)], [pair(n, 30 + n, mirrored=False) for n in range(6)]
    assert find_mirrored_classes(photos(20, 20), across)
    assert not find_mirrored_classes(photos(20, 20), [*across, *within])
    assert not find_mirrored_classes(photos(20, 20), [*across, *plain])
    outliers = [Photo(Path("x"), f"neither/{n}", -1, "neither") for n in range(20)]
    assert not find_mirrored_classes([*outliers, *photos(20)], across)
