"""Data-parallel training in several worker processes, started by `msrun --worker_num=N ... train.py`.

The worker of rank r processes the photos r, r + N, r + 2N, ..., and the same rows of each batch. Results are gathered before
any decision depends on them, so that all workers take the same one. Cheap work, such as the classifier on fixed features, is
repeated by every worker. Rank 0 writes the files. Without the launcher, the process is the only worker.
"""

import atexit
import errno
import os
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, Iterator, Sequence, TypeVar

import mindspore as ms
import numpy as np
from mindspore import communication, nn, ops

from .errors import UserError, WorkerLost
from .files import read_file
from .signals import Terminated, uninterrupted
from .text import first_line

Item = TypeVar("Item")
# Seconds that workers wait for a slower one, which downloads or has more to decode. MindSpore's default is 30.
PATIENCE = 600
LARGEST = 2**26  # bytes of a file of /proc
MEETING = 60  # seconds at most that a worker waits for the scheduler to listen, before MindSpore waits
TABLES = [name for name in ("tcp", "tcp6") if os.path.exists(f"/proc/net/{name}")]
LISTEN = "0A"  # a state in these tables
_rank, _count = 0, 1
_stop_requests: Sequence[int] = ()  # signals received by this worker, to be passed on to all
_stop_agreed = False  # all workers know of a request to stop


def join_workers(target: str) -> None:
    """Connect to the other workers of a launched job; must be called before anything is computed.

    target: a device, or "auto". In the launcher's scheduler process, this call blocks until the job ends, and exits there.
    Raises UserError for a device that cannot be used or a port that is taken, WorkerLost where the connection fails.
    """
    global _rank, _count
    if "MS_ROLE" not in os.environ:
        return
    if os.environ["MS_ROLE"] == "MS_WORKER" and 0 <= int(os.environ.get("MS_NODE_TIMEOUT", "30")) < PATIENCE:
        # Not in the scheduler, where this bounds how soon a dead worker is noticed.
        os.environ["MS_NODE_TIMEOUT"] = str(PATIENCE)
    _require_port()
    if target != "auto":
        try:
            ms.set_device(target)
        except Exception as error:  # its type depends on the build and the driver
            raise UserError(f"--device_target={target} cannot be used here: {first_line(error)}") from None
    with _detecting_lost_workers():
        communication.init()
        _rank, _count = communication.get_rank(), communication.get_group_size()
    atexit.register(_leave_gently)  # runs before what MindSpore has registered


def _require_port() -> None:
    """Raises UserError if the port where the workers are to meet is taken: MindSpore's scheduler then ends, and the workers would
    wait for minutes. Returns once the scheduler listens; Linux only, and at once on machines that it does not run on."""
    host, port = os.environ.get("MS_SCHED_HOST", ""), int(os.environ.get("MS_SCHED_PORT", "0"))
    taken = UserError(
        f"--master_port={port}: the workers cannot meet, because another program uses this port of the machine; give msrun "
        f"another one, such as --master_port={port + 1}"
    )
    if os.environ["MS_ROLE"] == "MS_SCHED":
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise taken from None
        return
    deadline, children = time.monotonic() + MEETING, f"{os.getppid()}/task/{os.getppid()}/children"
    while os.path.exists(f"/proc/{children}") and time.monotonic() < deadline:
        with suppress(OSError):  # one of the processes is about to end
            launched = _read(children).split()
            if any(_read(f"{process}/stat").rpartition(") ")[2][0] == "Z" for process in launched):
                raise taken  # only the scheduler ends so early
            environments = {process: _read(f"{process}/environ") for process in launched}
            schedulers = [process for process, known in environments.items() if "MS_ROLE=MS_SCHED\0" in known]
            if not schedulers or _listens(schedulers[0], port):
                return
        time.sleep(0.05)


def _read(name: str) -> str:
    """A file of /proc. Raises OSError."""
    return os.fsdecode(read_file(Path("/proc", name), LARGEST))


def _listens(process: str, port: int) -> bool:
    """Whether a process of this machine listens at the port. Raises OSError where the system does not tell."""
    rows = [row.split() for name in TABLES for row in _read(f"net/{name}").splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[3] == LISTEN and int(row[1].rpartition(":")[2], 16) == port}
    for file in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if os.readlink(file) in sockets:
                return True
    return False


def _leave_gently() -> None:
    """Keep MindSpore 2.7 from the crash (signal 11) that ends about one of six jobs after everything is written.

    Its main thread frees the connection to the scheduler as soon as the thread that reads from it has handed over the last
    answer, while that thread still uses it. On one CPU, and with the lowest priority, the main thread only goes on once the
    other one waits for its next event."""
    if hasattr(os, "SCHED_IDLE"):  # Linux
        with suppress(OSError):
            cpu = min(os.sched_getaffinity(0))
            for thread in os.listdir("/proc/self/task"):
                with suppress(OSError):  # it has just ended
                    os.sched_setaffinity(int(thread), {cpu})
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


@contextmanager
def _detecting_lost_workers() -> Iterator[None]:
    """Around collective operations: turns MindSpore's error about a missing worker into WorkerLost."""
    try:
        yield
    except RuntimeError as error:
        raise WorkerLost(
            f"a worker has ended before its time, or was not found: {first_line(error)} Look into the other workers' logs; "
            "the same command goes on from the last state in the output folder"
        ) from None


def is_main() -> bool:
    """Whether this is rank 0, the worker that writes the files."""
    return _rank == 0


def worker_count() -> int:
    """The number of workers, 1 without the launcher."""
    return _count


def shard(items: Sequence[Item]) -> Sequence[Item]:
    """This worker's shard: the items rank, rank + N, rank + 2N, ... of N workers."""
    return items[_rank::_count]


def shard_batches(batches: np.ndarray) -> np.ndarray:
    """[steps, batch] -> this worker's columns [steps, rows]. Raises UserError if a worker would get none."""
    if batches.shape[1] < _count:
        raise UserError(
            f"batches of {batches.shape[1]} photos for {_count} workers: start fewer, or raise --batch_size"
        )
    return batches[:, _rank::_count]


def shards(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yields this worker's items, then all items. Do the same with both: the first pass fills the cache, the second reads
    it."""
    if _count > 1:
        yield shard(items)
        barrier()
    yield items


def all_gather(rows: np.ndarray, total: int) -> np.ndarray:
    """rows f32 [n, ...] of this worker's `shard` of `total` items -> f32 [total, ...] of all items, in order.

    Raises WorkerLost."""
    if _count == 1 or total == 0:
        return rows
    padded = np.zeros((-(-total // _count), *rows.shape[1:]), np.float32)
    padded[: len(rows)] = rows
    with _detecting_lost_workers():
        gathered = ops.AllGather()(ms.Tensor(padded)).asnumpy().reshape(_count, *padded.shape)
    return np.ascontiguousarray(gathered.swapaxes(0, 1)).reshape(-1, *rows.shape[1:])[:total]


def broadcast(array: np.ndarray) -> np.ndarray:
    """The array, f32 [...], of rank 0: other workers may have computed it with other rounding errors. Raises WorkerLost."""
    return all_gather(array[None], _count)[0]


def require_equal(numbers: np.ndarray, message: str) -> None:
    """Raise UserError with this message on all workers unless they all have the same numbers f32 [n]."""
    if (all_gather(numbers[None], _count) != numbers).any():
        raise UserError(message)


def barrier() -> None:
    """Wait until all workers have reached this call. Raises WorkerLost."""
    all_gather(np.zeros((1, 1), np.float32), _count)


@contextmanager
def in_turn() -> Iterator[None]:
    """The workers execute the block one after the other, in the order of their ranks."""
    for _ in range(_rank):
        barrier()
    yield
    for _ in range(_rank + 1, _count):
        barrier()


@contextmanager
def stopped_together() -> Iterator[None]:
    """Inside the block, a signal to stop one worker is deferred to the next step, and then stops all workers.

    Otherwise the others would wait for a worker that has gone, and lose the progress since the last saved state."""
    global _stop_requests
    if _count == 1:
        yield
        return
    with uninterrupted() as _stop_requests:
        try:
            yield
        except Terminated:
            barrier()  # until rank 0 has saved its state: the launcher kills all workers as soon as one exits
            raise


def stop_if_asked() -> None:
    """To be called between two steps. Raises Terminated if any worker was asked to stop before the last step."""
    if _stop_agreed:
        raise Terminated


def training_step(
    gradients: Callable,
    update: Callable,
    model: nn.Cell,
    trained: Sequence[ms.Parameter],
    distribute: bool,
    compiled: bool = True,
) -> Callable[..., ms.Tensor]:
    """A training step: (tensors of a batch) -> loss.

    gradients: (tensors of a batch) -> loss and its gradients with respect to the trained parameters. update: applies these.
    distribute: the batch is this worker's shard; loss and gradients are averaged over all workers' rows, and so are the moving
    means and variances of batch normalization layers that update them. The step then raises WorkerLost."""

    @ms.jit
    def apply_update(*means: ms.Tensor) -> None:
        # Separate arguments: a tuple would be a constant, and recompiled for each new value.
        update(means)

    @ms.jit
    def compiled_step(*batch: ms.Tensor) -> ms.Tensor:
        loss, computed = gradients(*batch)
        update(computed)
        return loss

    def plain_step(*batch: ms.Tensor) -> ms.Tensor:
        loss, computed = gradients(*batch)
        apply_update(*computed)
        return loss

    if _count == 1 or not distribute:
        return compiled_step if compiled else plain_step
    norms = [cell for _, cell in model.cells_and_names() if isinstance(cell, nn.BatchNorm2d)]
    moving = [cell for cell in norms if cell.use_batch_statistics is None]
    statistics = [value for cell in moving for value in (cell.moving_mean, cell.moving_variance)]
    shapes = [(), *(parameter.shape for parameter in (*trained, *statistics))]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    compute, all_reduce = ms.jit(gradients) if compiled else gradients, ops.AllReduce()

    def step(*batch: ms.Tensor) -> ms.Tensor:
        global _stop_agreed
        loss, computed = compute(*batch)
        # One all-reduce for all numbers: one for each tensor takes milliseconds. The last two numbers are the rows of this
        # shard, which weight its means, and the requests to stop this worker.
        numbers = np.concatenate([tensor.asnumpy().ravel() for tensor in (loss, *computed, *statistics)])
        rows = np.float32(len(batch[0]))
        with _detecting_lost_workers():
            packed = np.append(numbers * rows, np.array([rows, len(_stop_requests)], np.float32))
            sums = all_reduce(ms.Tensor(packed)).asnumpy()
        _stop_agreed = sums[-1] > 0
        parts = np.split(sums[:-2] / sums[-2], ends[:-1])
        means = [ms.Tensor(part.reshape(shape)) for part, shape in zip(parts, shapes)]
        apply_update(*means[1 : 1 + len(computed)])
        for parameter, mean in zip(statistics, means[1 + len(computed) :]):
            parameter.set_data(mean)
        return means[0]

    return step
