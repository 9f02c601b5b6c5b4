"""The engine's feature maps against those of MindSpore's operators, alone and in batches, from one thread and from many."""

import logging
import threading

import mindspore as ms
import numpy as np
import psutil
import pytest
from conftest import randomised

from mobilenetv2.engine import feature_maps, forward, library
from mobilenetv2.model import checkpoint
from mobilenetv2.model.architecture import Architecture
from mobilenetv2.model.mobilenet_v2 import MobileNetV2, global_pool

pytestmark = pytest.mark.usefixtures("on_cpu")
SAID = "MindSpore's operators compute instead"


def pictures(count: int, side: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3, side, side)).astype(np.float32)


@pytest.fixture(scope="module")
def embedded() -> MobileNetV2:
    return checkpoint.load(str(checkpoint.EMBEDDED)).network


def by_operators(network: MobileNetV2, batch: np.ndarray) -> np.ndarray:
    return network.set_train(False).features(ms.Tensor(batch)).asnumpy()


@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize(
    "width, side", [(0.25, 32), (0.25, 64), (0.25, 77), (0.35, 97), (0.5, 128), (1.0, 96), (1.4, 64)]
)
def test_it_computes_what_mindspore_computes(padding, width, side, caplog):
    caplog.set_level(logging.INFO, "mobilenetv2")
    network = randomised(MobileNetV2(Architecture(width, padding, epsilon=1e-3), classes=2)).set_train(False)
    ours, expected = feature_maps(network)(pictures(3, side)), by_operators(network, pictures(3, side))
    assert expected.max() > 1 and expected.std() > 0.1 and SAID not in caplog.text
    np.testing.assert_allclose(ours, expected, atol=1e-3)  # random layers let rounding errors grow


def test_logits_of_a_trained_network(embedded):
    batch = pictures(8, 128)
    weight, bias = embedded.classifier.weight.asnumpy(), embedded.classifier.bias.asnumpy()
    logits = global_pool(feature_maps(embedded)(batch)) @ weight.T + bias
    np.testing.assert_allclose(logits, embedded.set_train(False)(ms.Tensor(batch)).asnumpy(), atol=1e-5)


@pytest.mark.parametrize("width, cpus", [(0.25, 1), (0.25, 3), (1.0, 1), (1.0, 2), (1.0, 5)])
def test_an_answer_does_not_depend_on_its_batch_nor_on_the_threads(width, cpus, monkeypatch):
    network = randomised(MobileNetV2(Architecture(width), classes=2))
    batch = pictures(5, 64)
    expected = feature_maps(network)(batch)
    monkeypatch.setattr(forward, "usable_cpus", lambda: cpus)
    maps = feature_maps(network)
    for size in (1, 2, 5):
        parts = [maps(batch[start : start + size]) for start in range(0, 5, size)]
        np.testing.assert_array_equal(np.concatenate(parts), expected)


@pytest.mark.parametrize("engine", ["onednn", "mindspore"])
@pytest.mark.parametrize("width, cpus", [(0.25, 2), (1.0, 1), (1.0, 2)])
def test_parts_one_after_the_other_give_the_same_bits(engine, width, cpus, monkeypatch):
    monkeypatch.setenv("ENGINE", engine)
    monkeypatch.setattr(forward, "usable_cpus", lambda: cpus)
    network = randomised(MobileNetV2(Architecture(width), classes=2))
    for batch in (pictures(1, 64), pictures(3, 64)):
        whole = feature_maps(network)(batch)
        # Block 1 has no expansion, blocks 3 and 14 have a residual, 18 is the last convolution.
        for start in (1, 2, 3, 14, 18):
            before, after = feature_maps(network, slice(start)), feature_maps(network, slice(start, None))
            np.testing.assert_array_equal(after(before(batch)), whole, f"{start}")


def test_one_picture_is_shared_by_two_threads(monkeypatch):
    monkeypatch.setattr(forward, "usable_cpus", lambda: 2)
    maps = feature_maps(randomised(MobileNetV2(Architecture(1.0), classes=2)))
    maps(pictures(1, 96))
    planned, shared = maps._planned[96], []
    by_two = planned._by_two
    monkeypatch.setattr(planned, "_by_two", lambda *given: shared.append(1) or by_two(*given))
    maps(pictures(1, 96))
    maps(pictures(3, 96))
    assert shared == [1]


def test_a_failure_in_one_of_two_threads_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(forward, "usable_cpus", lambda: 2)
    maps, run = feature_maps(randomised(MobileNetV2(Architecture(1.0), classes=2))), library.run
    expected = maps(pictures(1, 96))

    def failing(calls, stream):
        if threading.current_thread() is not threading.main_thread():
            raise MemoryError("no room")
        run(calls, stream)

    with monkeypatch.context() as patched:
        patched.setattr(library, "run", failing)
        with pytest.raises(MemoryError, match="no room"):
            maps(pictures(1, 96))
    np.testing.assert_array_equal(maps(pictures(1, 96)), expected)


def test_from_eight_threads_at_once_every_answer_is_the_same(embedded):
    maps, batch = feature_maps(embedded), pictures(4, 96)
    expected, wrong = maps(batch), []

    def ask(number: int) -> None:
        for _ in range(50):
            one = maps(batch[number : number + 1])
            wrong.extend([number] * (not np.array_equal(one, expected[number : number + 1])))

    threads = [threading.Thread(target=ask, args=(number % 4,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_memory_stays_as_it_is(embedded):
    maps, one, many = feature_maps(embedded), pictures(1, 32), pictures(4, 32)
    sizes, process = [], psutil.Process()
    for _ in range(4):
        for _ in range(2500):
            maps(one)
        for _ in range(50):
            maps(many)
        sizes.append(process.memory_info().rss / 2**20)
    assert sizes[-1] - sizes[0] < 8, sizes  # MiB, in 7,500 calls


def test_memory_of_networks_that_are_gone_is_given_back():
    process, sizes = psutil.Process(), []
    for number in range(12):
        network = randomised(MobileNetV2(Architecture(0.5), classes=2))
        feature_maps(network)(pictures(2, 96))
        del network
        if number % 4 == 3:
            sizes.append(process.memory_info().rss / 2**20)
    assert sizes[-1] - sizes[0] < 60, sizes  # MiB; a network with its buffers has about 20


def test_mindspores_operators_on_request(embedded, monkeypatch):
    ours = feature_maps(embedded)(pictures(3, 64))
    monkeypatch.setenv("ENGINE", "mindspore")
    theirs = feature_maps(embedded)(pictures(3, 64))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_array_equal(theirs, by_operators(embedded, np.resize(pictures(3, 64), (8, 3, 64, 64)))[:3])
    assert not np.array_equal(ours, theirs)


@pytest.mark.parametrize(
    "where, reason",
    [("version", "was not tried"), ("machine", "was not tried on linux aarch64"), ("reference", "slow reference")],
)
def test_where_the_engine_cannot_be_used_one_line_says_so(where, reason, embedded, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "mobilenetv2")
    library.say_unavailable.cache_clear()
    if where == "reference":
        monkeypatch.setattr(library, "REFERENCE", ("",))  # as if all code were oneDNN's reference code
    else:
        library.load_library.cache_clear()
        monkeypatch.setattr(
            *{"version": (library, "VERSION", (9, 9)), "machine": (library.platform, "machine", lambda: "aarch64")}[
                where
            ]
        )
    try:
        maps = feature_maps(embedded)
        np.testing.assert_allclose(
            maps(pictures(2, 64)), by_operators(embedded, np.resize(pictures(2, 64), (8, 3, 64, 64)))[:2], atol=1e-6
        )
        feature_maps(embedded)(pictures(2, 64))  # another network
    finally:
        monkeypatch.undo()
        library.load_library.cache_clear()
    assert caplog.text.count(SAID) == 1 and reason in caplog.text
