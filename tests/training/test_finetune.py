"""Fine-tuning."""

import numpy as np

from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.config import Settings, resolve
from mobilenetv2.data import dataset
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.model import checkpoint
from mobilenetv2.model.state import load_state_dict, state_dict
from mobilenetv2.training.finetune import finetune_network, finetune_without
from mobilenetv2.training.resume import CheckpointManager


def test_unfreeze_trains_the_last_blocks_only(few, built_in, tmp_path):
    network, description, _ = checkpoint.load(str(built_in))
    load_state_dict(
        network, {"classifier.weight": np.zeros((2, 384), np.float32)}
    )  # so that every epoch is better than the start
    before = {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}
    plan = resolve(Settings(unfreeze=2, epochs=6, lr=0.003, batch_size=8), None).network_plan
    found, store, states = dataset.scan_folder(str(few)), PhotoCache(str(tmp_path)), CheckpointManager(tmp_path, {})
    data = check_photos(found, description.preprocessing, store, workers=2).data
    rows = finetune_network(
        network,
        data,
        description.preprocessing,
        plan,
        2,
        True,
        mirror=True,
        seed=0,
        workers=2,
        states=states,
        record=lambda row: None,
    )
    assert len(rows) == 6 and max(row["val"]["correct"] for row in rows) > 5
    changed = [p.name for p in network.get_parameters() if not np.array_equal(before[p.name], p.asnumpy())]
    assert {name.split(".")[1] for name in changed if name.startswith("features")} == {"17", "18"}
    assert not any(
        "moving" in name for name in changed
    )  # the statistics of small batches do not wreck those of the backbone


def test_photos_that_are_left_out_are_not_read_and_the_rest_is_trained_for_so_many_passes(few, built_in, tmp_path):
    network, description, _ = checkpoint.load(str(built_in))
    start = state_dict(network)
    plan = resolve(Settings(unfreeze=2, lr=0.003, batch_size=8), None).network_plan
    found, store = dataset.scan_folder(str(few)), PhotoCache(str(tmp_path))
    data = check_photos(found, description.preprocessing, store, workers=2).data
    held, read = np.arange(24) % 5 == 0, []

    class Seen:
        """Photos that tell who reads them."""

        def __init__(self, number, photo):
            self.number, self.photo = number, photo

        def read(self):
            read.append(self.number)
            return self.photo.read()

    class Data:
        labels = staticmethod(data.labels)

        @staticmethod
        def split(name):
            return [Seen(number, photo) for number, photo in enumerate(data.split(name))]

    def train(passes):
        load_state_dict(network, start)
        read.clear()
        finetune_without(network, Data, held, description.preprocessing, plan, passes, 2, True, True, 0, 2)
        return state_dict(network), list(read)

    once, whole = train(1.0)
    assert set(whole) == set(np.flatnonzero(~held)) and len(whole) == 24  # 19 photos in three batches of 8
    changed = {name for name, value in once.items() if not np.array_equal(value, start[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("features")} == {"17", "18"}
    again, _ = train(1.0)
    assert all(np.array_equal(again[name], value) for name, value in once.items())
    _, most = train(2.0)
    assert len(most) == 48
