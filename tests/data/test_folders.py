"""What lies in a folder: pictures by their bytes, files of systems, and what this program wrote."""

import pytest
from conftest import Run
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


@pytest.mark.parametrize("place", PLACES)
def test_its_own_output_is_no_data(tmp_path, place, cache):
    """Wherever the output folder is, and however often the program runs."""
    fill(tmp_path, *(f"photos/{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(6)))
    for output in PLACES[place]:
        arguments = [
            "--data_url",
            "photos",
            "--output_path",
            output,
            "--epochs=1",
            "--check",
            "--cache_dir=photos/cache",
        ]
        run = Run(arguments, tmp_path)
        assert run.code == 0, run.out + run.err
        assert "Photos to train: {'cat': 5, 'dog': 5}; to validate: {'cat': 1, 'dog': 1}." in run.out
        assert "not used: nothing." in run.out and "WARNING" not in run.out


def test_a_whole_training_beside_class_folders(tmp_path, cache):
    """The default output folder, with drawings in it, is no class."""
    fill(tmp_path, *(f"{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(6)))
    for arguments in (["--epochs=1"], ["--data_url=.", "--epochs=1"], ["--data_url=.", "--epochs=1"]):
        run = Run([*arguments, f"--cache_dir={cache}"], tmp_path)
        assert run.code == 0, run.out + run.err
    assert "{'cat': 5, 'dog': 5}" in run.out and "output" not in run.out.split("not used:")[1].split("\n")[0]


@pytest.mark.parametrize("name", MARKS)
def test_a_users_file_is_never_overwritten(tmp_path, name, cache):
    fill(tmp_path, *(f"photos/{class_}/{n}.png" for class_ in ("cat", "dog") for n in range(6)))
    mine = tmp_path / "photos" / name
    mine.write_text("mine")
    run = Run(["--data_url=photos", "--output_path=photos", "--check", f"--cache_dir={cache}"], tmp_path)
    assert run.code == 2 and f"{name} in it was not written by this version of the program" in run.err
    assert mine.read_text() == "mine" and {file.name for file in (tmp_path / "photos").iterdir()} == {
        "cat",
        "dog",
        name,
    }
