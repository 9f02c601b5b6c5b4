"""Checkpoints: the one that comes with the program, and those that are refused."""

import mindspore as ms
import pytest

from mobilenetv2.model import checkpoint
from mobilenetv2.runtime.errors import UserError


def test_it_is_small_and_says_where_it_comes_from():
    assert checkpoint.EMBEDDED.stat().st_size < 200_000
    _, description, neither = checkpoint.load(str(checkpoint.EMBEDDED))
    assert description.classes == ("croissants", "dog") and neither is None
    assert (
        description.origin["weights"] == "random numbers" and description.origin["teacher"]["weights"] == "torchvision"
    )
    assert description.data["train"] == {"croissants": 318, "dog": 318}


def test_damaged_or_foreign_checkpoints_are_refused(built_in, tmp_path):
    file = built_in / "mobilenetv2.ckpt"
    network, description, _ = checkpoint.load(str(file))
    damaged = bytearray(file.read_bytes())
    damaged[5000] ^= 1
    (tmp_path / "damaged.ckpt").write_bytes(damaged)
    (tmp_path / "cut.ckpt").write_bytes(file.read_bytes()[:-100])
    ms.save_checkpoint(network, str(tmp_path / "foreign.ckpt"))
    text = description.to_json()
    for name, change in {
        "newer": ('"version": 3', '"version": 4'),
        "program": ("mobilenetv2-photos", "something-else"),
        "classes": ('"dog"', '"croissants"'),
        "size": ('"size": 128', '"size": 100000'),
        "unknown": ('"origin"', '"orgin"'),
        "temperature": ('"temperature": ', '"temperature": 1000'),
        "tensors": ('"width": 0.25', '"width": 0.5'),
    }.items():
        assert change[0] in text
        ms.save_checkpoint(
            network, str(tmp_path / f"{name}.ckpt"), append_dict={"description": text.replace(*change)}, crc_check=True
        )
    for name, words in {
        "damaged": r"not a complete \.ckpt file",
        "cut": r"not a complete \.ckpt file",
        "foreign": "not one that this program wrote",
        "newer": "format version 4, this program reads version 3",
        "program": "of another program",
        "classes": "expected two or more different names",
        "size": "its preprocessing is",
        "unknown": "unexpected keyword argument 'orgin'",
        "temperature": "its temperature is 1000",
        "tensors": "its tensors are not those of the network",
    }.items():
        with pytest.raises(UserError, match=words):
            checkpoint.load(str(tmp_path / f"{name}.ckpt"))
