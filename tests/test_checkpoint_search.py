"""Which checkpoint answers."""

import json
import os
import shutil

import pytest
from conftest import ROOT

from mobilenetv2 import checkpoint_search as checkpoints
from mobilenetv2.runtime.errors import UserError


def test_config_has_the_platforms_form():
    config = json.loads((ROOT / "inference" / "config.json").read_text(encoding="utf-8"))
    assert isinstance(config["model_path"], list)


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"model_path": "a.ckpt"}', '{"model_path": [1]}', '{"model_path": [["a.ckpt"]]}', "[" * 100_000,
     '{"model_path": {"a": 1}}', '{"model_path": ["%s.ckpt"]}' % ("a" * 300), '{"model_path": ["a\\u0000.ckpt"]}',
     '{"model_path": ["' + "a" * 2**20 + '"]}', "\xff"],
)  # fmt: skip
def test_config_of_another_form_is_said(content, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "HERE", tmp_path)
    monkeypatch.delenv("CHECKPOINT", raising=False)
    (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"config.json: expected"):
        checkpoints.find_checkpoint()


def test_config_reaches_no_other_folder(tmp_path, monkeypatch, caplog):
    """Only a file beside app.py counts, whatever the path before its name."""
    monkeypatch.setattr(checkpoints, "HERE", tmp_path / "a" / "inference")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a" / "inference").mkdir(parents=True)
    shutil.copy(checkpoints.EMBEDDED, tmp_path / "secret.ckpt")
    for path in ("../../secret.ckpt", str(tmp_path / "secret.ckpt"), "<b>/..", "/etc/passwd", "..", ".ckpt"):
        (tmp_path / "a" / "inference" / "config.json").write_text(json.dumps({"model_path": [path]}))
        assert checkpoints.find_checkpoint() == str(checkpoints.EMBEDDED)
    assert caplog.text.count("is not here, though config.json names it") == 3


def test_what_is_no_file_is_no_checkpoint(tmp_path, monkeypatch, caplog):
    """The newest output that is a file answers, whatever lies in the other folders; suffixes may be in capitals."""
    here = tmp_path / "a" / "inference"
    here.mkdir(parents=True)
    monkeypatch.setattr(checkpoints, "HERE", here)
    monkeypatch.delenv("CHECKPOINT", raising=False)
    monkeypatch.chdir(tmp_path)
    (here / "config.json").write_text('{"model_path": []}')
    for name in ("pipe", "loop", "nothing", "folder", "older", "newer"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / checkpoints.CHECKPOINT)
    (tmp_path / "loop" / checkpoints.CHECKPOINT).symlink_to(checkpoints.CHECKPOINT)
    (tmp_path / "nothing" / checkpoints.CHECKPOINT).symlink_to("missing")
    (tmp_path / "folder" / checkpoints.CHECKPOINT).mkdir()
    assert checkpoints.find_checkpoint() == str(checkpoints.EMBEDDED)
    for name, when in (("older", 1), ("newer", 2)):
        file = tmp_path / name / checkpoints.CHECKPOINT
        file.touch()
        os.utime(file, (when, when))
    assert checkpoints.find_checkpoint() == str(tmp_path / "newer" / checkpoints.CHECKPOINT)
    (here / "config.json").write_text('{"model_path": ["owner/x.CKPT"]}')
    os.mkfifo(here / "x.CKPT")
    assert checkpoints.find_checkpoint() == str(tmp_path / "newer" / checkpoints.CHECKPOINT)
    assert "x.CKPT is not here" in caplog.text
    (here / "x.CKPT").unlink()
    (here / "x.CKPT").touch()
    assert checkpoints.find_checkpoint() == str(here / "x.CKPT")


def test_a_working_folder_that_is_gone_has_no_outputs(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "HERE", tmp_path / "a" / "inference")
    (tmp_path / "a" / "inference").mkdir(parents=True)
    (tmp_path / "a" / "inference" / "config.json").write_text('{"model_path": []}')
    monkeypatch.delenv("CHECKPOINT", raising=False)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert checkpoints.find_checkpoint() == str(checkpoints.EMBEDDED)


@pytest.mark.parametrize("make, words", [
    (os.mkfifo, "a named pipe, not a file"),
    (lambda file: os.symlink("/dev/zero", file), "a device, not a file"),
    (lambda file: os.symlink(file, file), "Too many levels of symbolic links"),
    (lambda file: file.write_bytes(bytes(2**20 + 1)), "it has 1 MiB, more than the limit of 1 MiB"),
])  # fmt: skip
def test_a_config_that_is_no_file_is_said(make, words, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "HERE", tmp_path)
    monkeypatch.delenv("CHECKPOINT", raising=False)
    make(tmp_path / "config.json")
    with pytest.raises(UserError) as caught:
        checkpoints.find_checkpoint()
    assert str(caught.value).endswith(f'{{"model_path": ["owner/repository/{checkpoints.CHECKPOINT}"]}} ({words})')


@pytest.mark.parametrize(
    "content, title",
    [('{"model_path": [], "title": "狗?"}', "狗?"), ('{"title": 3}', None), ('{"model_path": []}', None), ("[", None)],
)
def test_config_may_have_a_title(content, title, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "HERE", tmp_path)
    assert checkpoints.configured_title() is None  # no file
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    assert checkpoints.configured_title() == title
