"""Checkpoints: the one that comes with the program, and those that are refused."""

import os
import shutil

import mindspore as ms
import numpy as np
import pytest

from mobilenetv2.model import checkpoint
from mobilenetv2.model.tensor_files import ckpt_bytes
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


def test_its_bytes_are_those_that_mindspore_writes(built_in, tmp_path):
    network, description, _ = checkpoint.load(str(built_in))
    ms.save_checkpoint(
        network, str(tmp_path / "theirs.ckpt"), append_dict={"description": description.to_json()}, crc_check=True
    )
    checkpoint.save(tmp_path / "ours.ckpt", network, description, None)
    assert (tmp_path / "ours.ckpt").read_bytes() == (tmp_path / "theirs.ckpt").read_bytes()
    assert ms.load_checkpoint(str(tmp_path / "ours.ckpt"), crc_check=True)["description"] == description.to_json()


def test_entries_of_every_type_have_the_bytes_that_mindspore_writes(tmp_path):
    kinds = (np.float32, np.float16, np.float64, np.int8, np.uint8, np.int32, np.int64, np.bool_)
    tensors = {np.dtype(kind).name: np.arange(6).reshape(2, 3).astype(kind) for kind in kinds}
    tensors["transposed"], tensors["number"] = np.arange(6, dtype=np.float32).reshape(2, 3).T, np.float32([7])
    texts = {"text": "dog 狗 \U0001f956", "JSON": '{"a": 1}'}
    entries = [{"name": name, "data": ms.Tensor(array)} for name, array in tensors.items()]
    ms.save_checkpoint(entries, str(tmp_path / "theirs.ckpt"), append_dict=dict(texts), crc_check=True)
    assert ckpt_bytes(tensors, texts) == (tmp_path / "theirs.ckpt").read_bytes()


def test_what_cannot_be_read_is_said(built_in, tmp_path):
    """With a suffix in capitals the file is a checkpoint as any other."""
    shutil.copy(built_in / "mobilenetv2.ckpt", tmp_path / "FINE.CKPT")
    assert checkpoint.load(str(tmp_path)).description.classes == ("croissants", "dog")
    with open(tmp_path / "sparse.ckpt", "wb") as stream:
        stream.truncate(9 * 2**30)
    (tmp_path / "damaged.Ckpt").write_bytes((tmp_path / "FINE.CKPT").read_bytes()[:-100])
    for name in ("pipe", "endless", "loop", "nothing"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / "x.ckpt")
    os.symlink("/dev/zero", tmp_path / "endless" / "x.ckpt")
    os.symlink("x.ckpt", tmp_path / "loop" / "x.ckpt")
    os.symlink("gone", tmp_path / "nothing" / "x.ckpt")  # as one that vanishes when it has been found
    expected = {
        "pipe": "pipe/x.ckpt: cannot be read (a named pipe, not a file)",
        "endless": "endless/x.ckpt: cannot be read (a device, not a file)",
        "loop": "loop/x.ckpt: cannot be read (Too many levels of symbolic links)",
        "nothing": "nothing/x.ckpt: cannot be read (No such file or directory); copy it to another place, or name another",
        "sparse.ckpt": "sparse.ckpt: 9216 MiB are more than any MobileNetV2 has; this is another file",
        "damaged.Ckpt": "damaged.Ckpt: not a complete .ckpt file",
    }
    for name, words in expected.items():
        with pytest.raises(UserError) as caught:
            checkpoint.load(str(tmp_path / name))
        assert str(caught.value).startswith(f"{tmp_path}/{words}")
