"""Several processes that train together, started by MindSpore's launcher: `msrun --worker_num=N ... train.py`.

Each takes every N-th photo, and every N-th row of a batch. What they find is put together before it decides anything, so all of
them know the same, and go the same way. What takes no longer than to talk about it, each does on its own, as the classifier on
fixed features. The first one writes the files. A process that nobody launched is the only worker.
"""

import os
from contextlib import contextmanager
from typing import Callable, Iterator, Sequence, TypeVar

import mindspore as ms
import numpy as np
from mindspore import communication, nn, ops

from .errors import UserError, WorkerLost
from .signals import Terminated, uninterrupted

Item = TypeVar("Item")
PATIENCE = 600  # seconds that workers wait for one that downloads or has more to decode; MindSpore's own are 30
_rank, _count = 0, 1
_asked: Sequence[int] = ()  # requests to stop this worker that all have to hear of
_stop = False  # all have heard of one


def join_workers(target: str) -> None:
    """Find the other workers, where there are any; before anything is computed. target: a device, or "auto".

    The launcher's scheduler, which has no work of its own, ends in here with the job. Raises UserError where that went wrong.
    """
    global _rank, _count
    if "MS_ROLE" not in os.environ:
        return
    if os.environ["MS_ROLE"] == "MS_WORKER" and 0 <= int(os.environ.get("MS_NODE_TIMEOUT", "30")) < PATIENCE:
        os.environ["MS_NODE_TIMEOUT"] = str(PATIENCE)  # the scheduler's stays: it is how soon a dead worker is noticed
    if target != "auto":
        try:
            ms.set_device(target)
        except Exception as error:  # which one depends on the build and the driver
            raise UserError(f"--device_target={target} cannot be used here: {_line(error)}") from None
    with _in_words():
        communication.init()
        _rank, _count = communication.get_rank(), communication.get_group_size()


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


@contextmanager
def _in_words() -> Iterator[None]:
    """Around what needs all workers: the end of one of them becomes an error in words."""
    try:
        yield
    except RuntimeError as error:
        raise WorkerLost(
            f"a worker has ended before its time, or was not found: {_line(error)} Look into the other workers' logs; the same "
            "command goes on from the last state in the output folder"
        ) from None


def is_main() -> bool:
    """Whether this worker writes the files."""
    return _rank == 0


def worker_count() -> int:
    return _count


def shard(items: Sequence[Item]) -> Sequence[Item]:
    """This worker's part of them."""
    return items[_rank::_count]


def shard_batches(batches: np.ndarray) -> np.ndarray:
    """[steps, batch] -> this worker's part of each. Raises UserError where a worker would have none."""
    if batches.shape[1] < _count:
        raise UserError(
            f"batches of {batches.shape[1]} photos for {_count} workers: start fewer, or raise --batch_size"
        )
    return batches[:, _rank::_count]


def shards(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """What to do one after the other, of a work whose results go into the cache: this worker's share, and then, when all have
    done theirs, everything."""
    if _count > 1:
        yield shard(items)
        barrier()
    yield items


def all_gather(rows: np.ndarray, total: int) -> np.ndarray:
    """f32 [n, ...], of this worker's share of `total` items -> f32 [total, ...], of all of them in order."""
    if _count == 1 or total == 0:
        return rows
    filled = np.zeros((-(-total // _count), *rows.shape[1:]), np.float32)
    filled[: len(rows)] = rows
    with _in_words():
        every = ops.AllGather()(ms.Tensor(filled)).asnumpy().reshape(_count, *filled.shape)
    return np.ascontiguousarray(every.swapaxes(0, 1)).reshape(-1, *rows.shape[1:])[:total]


def broadcast(array: np.ndarray) -> np.ndarray:
    """f32: the first worker's, for what others may have computed with other last digits."""
    return all_gather(array[None], _count)[0]


def require_equal(numbers: np.ndarray, otherwise: str) -> None:
    """Raises UserError, on all workers and with these words, where they do not have the same numbers f32 [n]."""
    if (all_gather(numbers[None], _count) != numbers).any():
        raise UserError(otherwise)


def barrier() -> None:
    """Until all workers are here."""
    all_gather(np.zeros((1, 1), np.float32), _count)


@contextmanager
def in_turn() -> Iterator[None]:
    """The workers do what is inside the block one after the other, the first one first."""
    for _ in range(_rank):
        barrier()
    yield
    for _ in range(_rank + 1, _count):
        barrier()


@contextmanager
def stopped_together() -> Iterator[None]:
    """Inside the block, a request to stop one worker waits for the next step, and then is one to all of them: else the others
    would wait for a worker that has gone, and what they have learned since the last state would be lost."""
    global _asked
    if _count == 1:
        yield
        return
    with uninterrupted() as _asked:
        try:
            yield
        except Terminated:
            barrier()  # for what the first one has to save: the launcher ends all as soon as one has gone
            raise


def stop_if_asked() -> None:
    """Between two steps. Raises Terminated if any worker was asked to stop before the step that is done."""
    if _stop:
        raise Terminated


def compiled_step(
    gradients: Callable, update: Callable, model: nn.Cell, trained: Sequence[ms.Parameter], distribute: bool
) -> Callable[..., ms.Tensor]:
    """(a batch's tensors) -> loss: one step, compiled.

    gradients: (a batch's tensors) -> loss, and its gradients of the trained parameters. update: what is done with these.
    distribute: the batch is this worker's share of it, and loss and gradients shall be those of all of it; where the moving
    means and variances of normalisation move, all workers then have the same ones, too."""
    if _count == 1 or not distribute:

        @ms.jit
        def whole(*batch: ms.Tensor) -> ms.Tensor:
            loss, found = gradients(*batch)
            update(found)
            return loss

        return whole
    norms = [cell for _, cell in model.cells_and_names() if isinstance(cell, nn.BatchNorm2d)]
    moving = [cell for cell in norms if cell.use_batch_statistics is None]
    statistics = [value for cell in moving for value in (cell.moving_mean, cell.moving_variance)]
    shapes = [(), *(parameter.shape for parameter in (*trained, *statistics))]
    ends, first, total = np.cumsum([int(np.prod(shape)) for shape in shapes]), ms.jit(gradients), ops.AllReduce()

    @ms.jit
    def second(*means: ms.Tensor) -> None:  # one by one: a tuple would be a constant, and compiled anew each time
        update(means)

    def step(*batch: ms.Tensor) -> ms.Tensor:
        global _stop
        loss, found = first(*batch)
        # All numbers travel as one tensor: each on its own takes milliseconds. The last two say of how many rows they are the
        # mean, and whether a worker has to stop.
        numbers = np.concatenate([tensor.asnumpy().ravel() for tensor in (loss, *found, *statistics)])
        rows = np.float32(len(batch[0]))
        with _in_words():
            line = total(ms.Tensor(np.append(numbers * rows, np.array([rows, len(_asked)], np.float32)))).asnumpy()
        _stop = line[-1] > 0
        means = [
            ms.Tensor(part.reshape(shape)) for part, shape in zip(np.split(line[:-2] / line[-2], ends[:-1]), shapes)
        ]
        second(*means[1 : 1 + len(found)])
        for parameter, mean in zip(statistics, means[1 + len(found) :]):
            parameter.set_data(mean)
        return means[0]

    return step
