import numpy as np

from stages.geometry import copies


def test_rows_are_compared_whole_and_in_blocks() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), dtype=np.uint8)
    rows[[2, 5, 8]] = rows[1]
    rows[7, 3, 3, 2] ^= 1
    rows[6] = rows[7]
    rows[6, 0, 0, 0] ^= 1
    which = np.array([1, 2, 3, 5, 6, 7, 8])
    found = copies.first_of_each(copies.digests(rows, which))
    assert found.tolist() == [0, 0, 2, 0, 4, 5, 0]


def test_of_no_rows_there_is_none() -> None:
    assert copies.first_of_each(copies.digests(np.zeros((0, 8, 8, 3), np.uint8), np.zeros(0, np.int64))).tolist() == []


def test_blocks_change_nothing() -> None:
    rows = np.arange(40, dtype=np.float32).reshape(20, 2) % 12
    whole = copies.digests(rows, np.arange(20))
    before, copies._BLOCK = copies._BLOCK, 24
    try:
        assert copies.digests(rows, np.arange(20)) == whole
    finally:
        copies._BLOCK = before


def test_zero_has_no_sign() -> None:
    assert copies.alike(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, -1.0]], np.float32)).tolist() == [0, 0, 2]


def test_tiers_keep_the_order_and_know_what_was_seen() -> None:
    first = np.array([0, 1, 0, 3, 4, 5, 4, 7])
    features = np.array([[0], [1], [0], [3], [4], [3], [4], [1]], np.float32)
    order = np.array([6, 5, 2, 3, 4, 7])
    found = copies.tiers(order, first, copies.alike(features), np.array([0, 1]))
    # 2 is 0 again, 4 is 6; 3 has the features of 5, and 7 those of 1
    assert [one.tolist() for one in found] == [[6, 5], [3, 7], [2, 4]]
    assert [one.tolist() for one in copies.tiers(np.array([3, 1]), first, copies.alike(features))] == [[3, 1]]
