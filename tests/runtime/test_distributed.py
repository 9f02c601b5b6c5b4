"""Shares of the work."""

import numpy as np
import pytest

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
