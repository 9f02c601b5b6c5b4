"""What lies in a folder: pictures by their bytes, files of systems, and what this program wrote."""

import shutil

import pytest
from conftest import Run, photo_counts
from folders import fill

from mobilenetv2.data import dataset
from mobilenetv2.data.folders import Tree
from mobilenetv2.data.system_files import is_system_name
from mobilenetv2.runtime.own_files import MARKS


@pytest.mark.parametrize(
    "name",
    [
        *(".DS_Store", "._1.jpg", "__MACOSX", "Icon\r", ".Trashes", ".fseventsd", "Temporary Items"),
        *(
            "Thumbs.db",
            "desktop.ini",
            "$RECYCLE.BIN",
            "System Volume Information",
            "a.jpg:Zone.Identifier",
            "~$list.xlsx",
        ),
        *("lost+found", ".Trash-1000", ".nfs000000001", "@eaDir", "@Recycle", "#recycle", ".@__thumb"),
        *(
            ".ipynb_checkpoints",
            ".git",
            ".gitattributes",
            "__notebook__.ipynb",
            "dataset-metadata.json",
            "CACHEDIR.TAG",
        ),
    ],
)
def test_of_a_system(name):
    assert is_system_name(name)


@pytest.mark.parametrize("name", ["cat", "@home", "#1", "$5", "~tilde", "_private", "icon", "lost", "thumbs", "train"])
def test_of_a_user(name):
    assert not is_system_name(name)


def test_what_systems_leave_is_neither_class_nor_error(tmp_path):
    fill(tmp_path, *(f"{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(3)))
    for name in ("$RECYCLE.BIN/S-1-5", "__MACOSX/cat", "@eaDir/cat/1.png", "lost+found", ".git/objects", "cat/@eaDir"):
        (tmp_path / name).mkdir(parents=True)
    fill(tmp_path, "__MACOSX/cat/._0.png", ".ipynb_checkpoints/0-checkpoint.png")
    for name in ("cat/Thumbs.db", "cat/Icon\r", "dog/desktop.ini", "kaggle.json", "cat/0.png:Zone.Identifier"):
        (tmp_path / name).write_bytes(b"x")
    data = dataset.scan_folder(str(tmp_path))
    assert data.classes == ("cat", "dog") and len(data.photos) == 6
    (note,) = data.findings
    assert note.kind == "note" and note.name == "$RECYCLE.BIN"
    assert note.text == (
        "of the system or of another program, ignored; so are .git, .ipynb_checkpoints, @eaDir and 8 more"
    )


def test_kinds_of_files(tmp_path):
    fill(tmp_path, "a.png", "b.png", "c.png", "d.png")
    for old, new in (("a", "0001"), ("b", "b.png!d"), ("c", "c.CR2"), ("d", "d.png ")):
        (tmp_path / f"{old}.png").rename(tmp_path / new)
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "notes").write_text("BM P1 II*")
    (tmp_path / "photo.jp2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50))
    entries = Tree(tmp_path).top.entries
    assert [file.name for file in entries.pictures] == ["0001", "b.png!d", "c.CR2", "d.png ", "empty.jpg"]
    assert [(kind, file.name) for kind, file in entries.others] == [("other", "notes"), ("jpeg2000", "photo.jp2")]


PLACES = {
    "inside": ["photos/out", "photos/out", "photos/second"],
    "in a class": ["photos/cat/out", "photos/cat/out"],
    "equal": ["photos", "photos"],
    "a class itself": ["photos/cat", "photos/cat"],
    "above": [".", "."],
}

CACHES = {**dict.fromkeys(PLACES, "photos/cache"), "equal": "photos", "above": "photos/cat/cache"}


@pytest.mark.parametrize("place", PLACES)
def test_its_own_output_is_no_data(tmp_path, place):
    """Wherever the output folder is, and however often the program runs."""
    fill(tmp_path, *(f"photos/{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(6)))
    for output in PLACES[place]:
        places = ["--output_path", output, "--cache_dir", CACHES[place]]
        run = Run(["--data_url=photos", "--check", "--pretrain_url=random", *places], tmp_path)
        assert run.code == 0, run.out + run.err
        assert photo_counts(run.out) == {"cat": [5, 1], "dog": [5, 1], "all 2 classes": [10, 2]}
        assert "not used" not in run.out and "WARNING" not in run.out


def test_a_whole_training_beside_class_folders(tmp_path, cache):
    """The default output folder, with drawings in it, is no class."""
    fill(tmp_path, *(f"{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(6)))
    for arguments in (["--epochs=1"], ["--data_url=.", "--epochs=1"], ["--data_url=.", "--epochs=1"]):
        run = Run([*arguments, f"--cache_dir={cache}"], tmp_path)
        assert run.code == 0, run.out + run.err
    assert photo_counts(run.out) == {"cat": [5, 1], "dog": [5, 1], "all 2 classes": [10, 2]}
    assert "not used" not in run.out


def test_trackers_in_it_are_no_data(tmp_path, cache):
    """The folder of trackers belongs to the output folder, wherever that is; a class may have its name."""
    fill(tmp_path, *(f"photos/{class_}/{n}.png" for class_ in ("cat", "tracking") for n in range(6)))
    arguments = ["--data_url=photos", f"--cache_dir={cache}", "--epochs=1", "--image_size=32"]
    for output in ("photos/out", "photos/cat", "photos/out"):
        run = Run([*arguments, f"--output_path={output}"], tmp_path)
        assert run.code == 0, run.out + run.err
        assert photo_counts(run.out) == {"cat": [5, 1], "tracking": [5, 1], "all 2 classes": [10, 2]}
        assert "not used" not in run.out
        assert {"README.md", "history.csv"} <= {file.name for file in (tmp_path / output).iterdir()}
        for name in ("aim", "mlflow"):
            (tmp_path / output / "tracking" / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / output / "tracking" / name / "picture.png").write_bytes(b"of a tracker")


def test_a_users_readme_stays_and_stops_the_run(tmp_path):
    fill(tmp_path, *(f"photos/{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(6)))
    (tmp_path / "photos" / "README.md").write_text("# My photos")
    run = Run(["--data_url=photos", "--output_path=photos"], tmp_path)
    assert run.code == 2 and "photos: README.md in it was not written by this version of the program" in run.err
    assert (tmp_path / "photos" / "README.md").read_text() == "# My photos"
    run = Run(["--data_url=photos", "--output_path=out", "--check", "--pretrain_url=random"], tmp_path)
    assert run.code == 0 and photo_counts(run.out) == {"cat": [5, 1], "dog": [5, 1], "all 2 classes": [10, 2]}


def test_users_files_are_never_overwritten(tmp_path):
    fill(tmp_path, *(f"photos/{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(6)))
    for name in MARKS:
        (tmp_path / "photos" / name).write_text("mine")
    run = Run(["--data_url=photos", "--output_path=photos", "--check"], tmp_path)
    assert (
        run.code == 2 and f"photos: {', '.join(MARKS)} in it were not written by this version of the program" in run.err
    )
    assert {file.name for file in (tmp_path / "photos").iterdir()} == {"cat", "dog", *MARKS}
    assert {(tmp_path / "photos" / name).read_text() for name in MARKS} == {"mine"}


def test_a_file_that_took_the_place_of_a_result_is_a_users_file(tmp_path):
    fill(tmp_path, *(f"photos/{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(6)))
    arguments = ["--data_url=photos", "--output_path=out", "--check", "--pretrain_url=random"]
    for _ in range(2):
        assert Run(arguments, tmp_path).code == 0
    (tmp_path / "out" / "report.html").write_text("<h1>My report</h1>")
    run = Run(arguments, tmp_path)
    assert run.code == 2 and "out: report.html in it was not written by" in run.err
    assert (tmp_path / "out" / "report.html").read_text() == "<h1>My report</h1>"


def test_the_log_of_a_hundred_folders_is_short(tmp_path):
    """Pictures with foreign names, files of systems and of others, copies and files that cannot be read, in each of them."""
    for number in range(100):
        folder = f"data/class {number:03d}"
        fill(tmp_path, *(f"{folder}/{n}.png" for n in range(4)), colour=number)
        (tmp_path / folder / "0.png").rename(tmp_path / folder / "0")
        for name, content in (
            ("Thumbs.db", b""),
            ("notes.txt", b"x"),
            ("raw.cr2", b"II*\0\x10\0\0\0CR\2\0"),
            ("bad.jpg", b"x"),
        ):
            (tmp_path / folder / name).write_bytes(content)
        shutil.copy(tmp_path / folder / "1.png", tmp_path / folder / "copy.png")
    arguments = ["--data_url=data", "--output_path=out", "--check", "--pretrain_url=random", "--bad_files=skip"]
    run = Run(arguments, tmp_path)
    assert run.code == 0, run.out + run.err
    lines = (tmp_path / "out" / "train.log").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 72
    assert photo_counts("\n".join(lines)) == {
        **{f"class {number:03d}": [4, 1] for number in range(10)},
        "and 90 more": [360, 90],
        "all 100 classes": [400, 100],
    }
    (left_out,) = (line for line in lines if "left out, and" in line)
    assert (
        "100: camera raw" in left_out
        and "(class 000/raw.cr2, class 001/raw.cr2, class 002/raw.cr2 and 97 more)" in left_out
    )
    bad = lines.index("WARNING: Found 100 times: unreadable. All are in check.json; the first 3:")
    assert [line.split(":")[0] for line in lines[bad + 1 : bad + 5]] == [
        *(f"  class 00{number}/bad.jpg" for number in range(3)),
        "WARNING",
    ]


def test_a_locale_that_is_not_utf8_is_named(tmp_path):
    """Its names cannot be read, whatever the user may do to the files."""
    fill(tmp_path, *(f"data/{class_}/{n}.png" for class_ in ("狗", "可颂") for n in range(3)))
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = Run(["--data_url=data", "--output_path=out", "--check", "--pretrain_url=random"], tmp_path, **locale)
    assert run.code == 2, run.out + run.err
    assert run.out.count("this system's locale is not UTF-8 but ascii; start again with PYTHONUTF8=1") == 2
