"""States of a training: the newest sound one is taken, one of another training is refused."""

import errno
import logging
import os
from dataclasses import replace
from pathlib import Path

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mobilenetv2.config import Settings, resolve
from mobilenetv2.data.dataset import Photo, PhotoSet
from mobilenetv2.data.folders import Tree
from mobilenetv2.data.layout import Layout
from mobilenetv2.model.architecture import Architecture
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.model.state import load_state_dict, state_dict
from mobilenetv2.training import resume
from mobilenetv2.training.resume import FILES, WORDS, CheckpointManager, TrainState, clear_states, run_fingerprint


@pytest.fixture
def training(tmp_path):
    """Six numbers that are trained, and a function that makes their `CheckpointManager` in a folder of its own."""
    numbers = nn.Dense(3, 2, weight_init="zeros", bias_init="zeros")
    same = {"settings": {"epochs": 3, "lr": 0.1}, **dict.fromkeys(WORDS, "the same")}
    return numbers, lambda **other: CheckpointManager(tmp_path / "output", {**same, **other})


def save(states, numbers, value):
    """A state in the middle of an epoch, with that value everywhere; returns what was saved."""
    load_state_dict(numbers, {name: np.full_like(array, value) for name, array in state_dict(numbers).items()})
    row = {"epoch": 1, "loss": 1 / 3, "val": {"correct": 1, "loss": 0.1 + value}}
    state = TrainState([row], [0.1 * value, np.pi], [7.5, 1e-9], (1, -0.1), 1, {"bias": np.array([value], np.float32)})
    states.save(state)
    return state


def held(numbers):
    return {number for array in state_dict(numbers).values() for number in array.ravel().tolist()}


def test_the_newest_sound_state_is_taken(training, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    numbers, states = training
    output = tmp_path / "output"
    assert states().load(numbers.get_parameters()) == TrainState() and held(numbers) == {0}
    writer = states()
    writer.load(numbers.get_parameters())
    saved = [save(writer, numbers, value) for value in (1, 2, 3)]
    assert {file.name for file in output.iterdir()} == set(FILES)
    for value, cut in ((3, None), (2, FILES[0]), (0, FILES[1])):
        if cut:
            os.truncate(output / cut, (output / cut).stat().st_size - 1)
        load_state_dict(numbers, {name: np.zeros_like(array) for name, array in state_dict(numbers).items()})
        taken = states().load(numbers.get_parameters())
        assert taken == (saved[value - 1] if value else TrainState()) and held(numbers) == {value}
    assert caplog.text.count("Going on in epoch 2 after step 2") == 2
    assert f"{FILES[1]} cannot be gone on from (it is damaged or cut off)" in caplog.text
    assert "Starting from the beginning" in caplog.text
    clear_states(output)
    assert not list(output.iterdir())


@pytest.mark.parametrize("what", ["settings", *WORDS])
def test_a_state_of_another_training_is_refused_in_words(what, training, caplog):
    caplog.set_level(logging.INFO)
    numbers, states = training
    writer = states()
    writer.load(numbers.get_parameters())
    save(writer, numbers, 1)
    other = {"epochs": 3, "lr": 0.2} if what == "settings" else "another"
    load_state_dict(numbers, {name: np.zeros_like(array) for name, array in state_dict(numbers).items()})
    assert states(**{what: other}).load(numbers.get_parameters()) == TrainState() and held(numbers) == {0}
    words = "other settings (lr)" if what == "settings" else WORDS[what]
    assert f"is of {words}: starting from the beginning." in caplog.text and "Going on" not in caplog.text


def test_whatever_decides_the_training_is_in_its_fingerprint(monkeypatch):
    photos = [Photo(Path(name), name, label, "train", name) for name, label in (("a", 0), ("b", 1))]
    layout = Layout(Tree(Path()).top, "class folders")
    data, network = PhotoSet(("cat", "dog"), tuple(photos), (), layout), MobileNetV2(Architecture(width=0.25), 2)
    plain, seeded = resolve(Settings(), None).recorded, resolve(Settings(seed=1), None).recorded
    before = run_fingerprint("finetune", plain, data, network)

    def differing(*arguments):
        return {name for name, value in run_fingerprint(*arguments).items() if value != before[name]}

    assert differing("finetune", resolve(Settings(workers=7, language="zh"), None).recorded, data, network) == set()
    assert differing("distill", seeded, data, network) == {"stage", "settings"}
    other = replace(data, photos=(photos[0], replace(photos[1], sha256="c")))
    assert differing("finetune", plain, other, network) == {"photos"}
    renamed = replace(data, photos=(photos[1], photos[0]))  # in another order they make other batches
    assert differing("finetune", plain, renamed, network) == {"photos"}
    network.classifier.bias.set_data(ms.Tensor(np.ones(2, np.float32)))
    assert differing("finetune", plain, data, network) == {"weights"}
    monkeypatch.setattr(resume, "usable_cpus", lambda: 99)
    assert differing("finetune", plain, data, network) == {"weights", "processors"}


def test_a_state_that_cannot_be_written_is_a_warning(training, tmp_path, caplog):
    numbers, states = training
    (tmp_path / "output").write_text("a file in the place of the folder")
    writer = states()
    writer.load(numbers.get_parameters())
    save(writer, numbers, 1)
    assert "cannot be written" in caplog.text and "goes on from an older state" in caplog.text


def test_a_state_that_is_no_file_is_not_waited_for(training, tmp_path, caplog):
    """It makes room for the next one."""
    numbers, states = training
    output = tmp_path / "output"
    output.mkdir()
    os.mkfifo(output / FILES[0])
    os.symlink("/dev/zero", output / FILES[1])
    writer = states()
    assert writer.load(numbers.get_parameters()) == TrainState()
    for name, words in zip(FILES, ("a named pipe, not a file", "a device, not a file")):
        assert f"{name} cannot be gone on from ({words})" in caplog.text
    for value in (1, 2):
        save(writer, numbers, value)
    assert all((output / name).is_file() and not (output / name).is_symlink() for name in FILES)


def test_a_disk_that_refuses_to_rename_has_both_states(training, tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "replace", refuse)
    numbers, states = training
    writer = states()
    writer.load(numbers.get_parameters())
    saved = [save(writer, numbers, value) for value in (1, 2, 3)]
    assert {file.name for file in (tmp_path / "output").iterdir()} == set(FILES) and not caplog.text
    for value, cut in ((3, None), (2, FILES[0])):
        if cut:
            os.truncate(tmp_path / "output" / cut, 100)
        assert states().load(numbers.get_parameters()) == saved[value - 1] and held(numbers) == {value}
