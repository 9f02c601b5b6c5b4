"""Which checkpoint answers."""

import json
import shutil

import checkpoints
import pytest
from conftest import ROOT

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
