"""Shares of the work."""

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import TRAIN

from mobilenetv2.runtime import distributed
from mobilenetv2.runtime.errors import UserError


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shares_are_all_there_is(count, monkeypatch):
    items, batches = list(range(7)), np.arange(20).reshape(4, 5)
    monkeypatch.setattr(distributed, "_count", count)
    shares, columns = [], []
    for rank in range(count):
        monkeypatch.setattr(distributed, "_rank", rank)
        shares += distributed.shard(items)
        columns += distributed.shard_batches(batches).T.tolist()
        assert distributed.is_main() == (rank == 0)
    assert sorted(shares) == items and sorted(columns) == batches.T.tolist()
    monkeypatch.setattr(distributed, "_count", 6)
    with pytest.raises(UserError, match="batches of 5 photos for 6 workers: start fewer, or raise --batch_size"):
        distributed.shard_batches(batches)


LEAVING = """
import os
import sys
import threading

sys.path.insert(0, sys.argv[1])
from mobilenetv2.runtime import distributed

done = threading.Event()
other = threading.Thread(target=done.wait)
other.start()
distributed._leave_gently()
places = {frozenset(os.sched_getaffinity(int(thread))) for thread in os.listdir("/proc/self/task")}
policies = os.sched_getscheduler(0), os.sched_getscheduler(other.native_id)
print(len(places), len(min(places)), policies == (os.SCHED_IDLE, os.SCHED_OTHER))
done.set()
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="Linux only")
def test_when_a_worker_leaves_its_other_threads_come_first():
    done = subprocess.run([sys.executable, "-c", LEAVING, str(TRAIN.parent)], capture_output=True, text=True)
    assert done.stdout == "1 1 True\n", done.stderr
