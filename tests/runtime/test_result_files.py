"""The files of a run come into the output folder together."""

import errno
import os

import pytest

from mobilenetv2.runtime import result_files
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.runtime.result_files import (
    NEW,
    OTHERS,
    RECORD,
    are_in,
    complete,
    forget,
    move_in,
    new_folder,
    read_record,
)

ALL = ("mobilenetv2.ckpt", *OTHERS)


def write(folder, content, names=ALL):
    for name in names:
        (folder / name).write_text(content)


def held(output):
    return {file.name: file.read_text() for file in output.iterdir() if file.name in ALL}


@pytest.fixture
def output(tmp_path):
    """With all files of an earlier run."""
    write(tmp_path, "earlier")
    return tmp_path


def test_all_or_none(output):
    with new_folder(output) as folder:
        write(folder, "new")
    move_in(output)  # not complete: as after a process that was killed
    assert held(output) == dict.fromkeys(ALL, "earlier") and not (output / NEW).exists()
    with new_folder(output) as folder:
        write(folder, "new", ALL[:4])
        complete(output, {"count": 1})
        move_in(output)
    assert held(output) == dict.fromkeys(ALL[:4], "new")  # what this run has not is gone
    record = read_record(output)
    assert record["count"] == 1 and list(record["files"]) == list(ALL[:4]) and are_in(output, record)
    move_in(output)
    assert held(output) == dict.fromkeys(ALL[:4], "new") and are_in(output, record)
    forget(output)
    assert read_record(output) is None and sorted(os.listdir(output)) == sorted(ALL[:4])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "change", [os.unlink, lambda file: file.write_text("of another"), lambda file: file.write_text("")]
)
def test_files_that_were_removed_or_replaced_are_not_those_of_the_record(output, name, change):
    with new_folder(output) as folder:
        write(folder, "new")
        complete(output, {})
        move_in(output)
    record = read_record(output)
    assert are_in(output, record)
    change(output / name)
    assert not are_in(output, record)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("full")])
def test_a_run_that_fails_while_it_writes_leaves_nothing(output, error):
    with pytest.raises(type(error)), new_folder(output) as folder:
        write(folder, "new", ALL[:2])
        raise error
    assert held(output) == dict.fromkeys(ALL, "earlier") and sorted(os.listdir(output)) == sorted(ALL)


@pytest.mark.parametrize("failing", range(len(ALL)))
def test_a_disk_that_fails_during_the_move(output, failing, monkeypatch):
    """The error names the folder; no checkpoint lies beside another run's file; the next call brings the rest."""
    calls, move = [], result_files.replace

    def fail(source, file):
        calls.append(file.name)
        if len(calls) == failing + 1:
            raise OSError(errno.EIO, "Input/output error", str(file))
        move(source, file)

    monkeypatch.setattr(result_files, "replace", fail)
    with pytest.raises(UserError) as caught, new_folder(output) as folder:
        write(folder, "new")
        complete(output, {})
        move_in(output)
    assert str(caught.value).startswith(
        f"{output}: the files of a complete run cannot be moved into it (Input/output error)"
    )
    assert held(output) == (dict.fromkeys(ALL[:failing], "new") if failing else {ALL[0]: "earlier"})
    assert calls[0] == "mobilenetv2.ckpt"
    move_in(output)
    assert held(output) == dict.fromkeys(ALL, "new")


def test_a_disk_that_refuses_to_rename(output, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "replace", refuse)
    with new_folder(output) as folder:
        write(folder, "new")
        complete(output, {})
        move_in(output)
    assert held(output) == dict.fromkeys(ALL, "new") and not os.listdir(output / NEW)


def test_a_folder_in_the_place_of_a_file(output, caplog):
    (output / "report.html").unlink()
    (output / "report.html").mkdir()
    with new_folder(output) as folder:
        write(folder, "new")
        complete(output, {})
        move_in(output)
    assert "report.html: cannot be written (a folder is in its place)." in caplog.text
    assert (output / "check.json").read_text() == (output / "mobilenetv2.ckpt").read_text() == "new"


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000, "\udcff"])
def test_a_record_that_is_none(output, content):
    (output / RECORD).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read_record(output) is None
    move_in(output)
    assert held(output) == dict.fromkeys(ALL, "earlier")
