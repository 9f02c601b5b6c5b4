"""Checkpoints: the one that comes with the program, and those that are refused."""

import hashlib
import json
import os
import shutil
from dataclasses import replace

import mindspore as ms
import numpy as np
import pytest
from hostile import encoded
from PIL import Image

from mobilenetv2.data import sample
from mobilenetv2.data.image import RULES, RULES_4, Preprocessing, preprocess
from mobilenetv2.evaluation.metrics import record_matrix
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
        "first": ('"version": 5', '"version": 1'),
        "second": ('"version": 5', '"version": 2'),
        "newer": ('"version": 5', '"version": 6'),
        "least crop": ('"least_crop": 0', '"least_crop": 100'),
        "no least crop": ('"least_crop": 0,', ""),
        "crop": ('"crop": 0.875', '"crop": 1.0'),
        "filter": ('"bicubic"', '"bilinear"'),
        "steps": ("alpha over white", "alpha over black"),
        "no rules": ('"crop": 0.875,', ""),
        "no hyper-parameters": ('"hyperparameters"', '"hyper"'),
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
        "first": "format version 1, this program reads 3 to 5; update the program or train again",
        "second": "format version 2, this program reads 3 to 5",
        "newer": "format version 6, this program reads 3 to 5",
        "least crop": "its preprocessing says least_crop 100 and size 128",
        "no least crop": "'least_crop'",
        "crop": "its preprocessing says crop 1.0, and this program has 0.875; use the program that it came with",
        "filter": "says interpolation bilinear, and this program has bicubic",
        "steps": "its preprocessing says steps",
        "no rules": "its preprocessing says crop None",
        "no hyper-parameters": "'hyperparameters'",
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


def logits(file, side=None) -> np.ndarray:
    """Of the examples of the page, made so small if side is given."""
    network, description, _ = checkpoint.load(str(file))
    pictures = [sample.draw(class_, [False, number]) for class_ in sample.CLASSES for number in range(3)]
    pictures = [picture.resize((side, side)) if side else picture for picture in pictures]
    inputs = np.stack([preprocess(encoded(picture, "PNG"), description.preprocessing) for picture in pictures])
    return network(ms.Tensor(inputs)).asnumpy()


def test_version_3_is_read_and_version_5_says_more(tmp_path, on_cpu):
    """The built-in checkpoint is of version 3: saved anew, it is of version 5 and answers alike."""
    old = json.loads(ms.load_checkpoint(str(checkpoint.EMBEDDED))["description"])
    assert old["version"] == 3 and set(old["preprocessing"]) == {"size", "mean", "std"}
    network, description, detector = checkpoint.load(str(checkpoint.EMBEDDED))
    assert description.hyperparameters == {} and description.preprocessing == Preprocessing(
        old["preprocessing"]["size"], tuple(old["preprocessing"]["mean"]), tuple(old["preprocessing"]["std"]), False
    )
    described = replace(description, hyperparameters={"mode": "distill", "distill": {"lr": 0.003, "area": (0.15, 1.0)}})
    file = tmp_path / "new.ckpt"
    checkpoint.save(file, network, described, detector)
    new = json.loads(ms.load_checkpoint(str(file))["description"])
    assert new["version"] == 5 and new["preprocessing"] == {**old["preprocessing"], "least_crop": 0, **RULES}
    assert new["hyperparameters"] == {"mode": "distill", "distill": {"lr": 0.003, "area": [0.15, 1.0]}}
    assert {**new, "version": 3, "preprocessing": old["preprocessing"]} == {
        **old,
        "hyperparameters": new["hyperparameters"],
    }
    loaded = checkpoint.load(str(file))[1]
    assert loaded == replace(described, hyperparameters=new["hyperparameters"])
    for side in (None, 50):
        np.testing.assert_array_equal(logits(file, side), logits(checkpoint.EMBEDDED, side))


# SHA-256 of the JSON of the rules as the program wrote them with version 4.
WRITTEN_4 = "04c0c41276d04b6d9555d1999f3402645279649f829f2c9699e316ab2ccac106"


def test_version_4_answers_small_pictures_as_it_did(built_in, whole, tmp_path, on_cpu):
    """It has no least_crop. A checkpoint that gets small pictures whole says so, and answers them otherwise, and only them."""
    assert hashlib.sha256(json.dumps(RULES_4).encode()).hexdigest() == WRITTEN_4
    network, description, _ = checkpoint.load(str(built_in))
    entries = json.loads(description.to_json())
    numbers = {name: entries["preprocessing"][name] for name in ("size", "mean", "std")}
    text = json.dumps({**entries, "version": 4, "preprocessing": {**numbers, **RULES_4}})
    file = tmp_path / "old.ckpt"
    ms.save_checkpoint(network, str(file), append_dict={"description": text}, crc_check=True)
    assert checkpoint.load(str(file))[1] == description and not description.preprocessing.whole
    entries = json.loads(checkpoint.load(str(whole))[1].to_json())
    assert entries["preprocessing"] == {**numbers, "least_crop": 128, **RULES}
    for side in (None, 147, 145, 50):
        np.testing.assert_array_equal(logits(file, side), logits(built_in, side))
        same = np.array_equal(logits(file, side), logits(whole, side))
        assert same == (side is None or side == 147)


def test_the_rules_are_enough_to_rebuild_the_preprocessing():
    """Done here by what RULES says, on a picture that needs all of it."""
    grey = np.random.default_rng(0).integers(0, 4096, (90, 130)).astype(np.uint16)  # 12 bits
    preprocessing, rule = Preprocessing(size=83), Preprocessing(size=83).record()
    side = max(rule["crop"] * 90, min(90, rule["least_crop"]))
    assert side == 83
    box = ((130 - side) / 2, (90 - side) / 2, (130 + side) / 2, (90 + side) / 2)
    picture = Image.fromarray((grey.astype(float) * 255 / 4095 + 0.5).astype(np.uint8)).convert("RGB")
    picture = picture.resize((83, 83), getattr(Image.Resampling, rule["interpolation"].upper()), box=box)
    expected = (np.asarray(picture) / 255 - preprocessing.mean) / preprocessing.std
    found = preprocess(encoded(Image.fromarray(grey), "PNG"), preprocessing)
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1), atol=1e-5)


def test_the_description_of_a_thousand_classes_can_be_read():
    """With 100,000 validation photos, each answered at random."""
    classes = tuple(f"n{number:08d} with a long name" for number in range(1000))
    matrix = np.zeros((1000, 1000), np.int64)
    np.add.at(matrix, tuple(np.random.default_rng(0).integers(0, 1000, (2, 100_000))), 1)
    shares = dict.fromkeys(classes, 0.123456789012345)
    val = {"correct": 100, "count": 100_000, "precision": shares, "recall": shares, **record_matrix(matrix)}
    known = checkpoint.load(str(checkpoint.EMBEDDED))[1]
    counts = dict.fromkeys(classes, 100)
    made = replace(known, classes=classes, metrics={"val": val}, data={**known.data, "train": counts, "val": counts})
    assert checkpoint.Description.from_json("a.ckpt", made.to_json()) == made
