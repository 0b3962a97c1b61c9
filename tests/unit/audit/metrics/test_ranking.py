"""Rank 1: known answers, ties, groups, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.audit.metrics import (
    alike_pairs,
    chance_of_rank_1,
    own_similarities,
    pair_similarities,
    rank_1_hits,
)


def _units(rng, *shape: int):
    vectors = rng.normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_known_ranks() -> None:
    gallery = np.eye(3)
    probes = np.array([[1, 0, 0], [1, 0.5, 0], [0, 0, 1]])
    assert rank_1_hits(probes, gallery, [0, 1, 2]).tolist() == [1, 0, 1]


def test_a_tie_is_shared() -> None:
    gallery = np.array([[1.0, 0], [1.0, 0], [0, 1.0]])
    assert rank_1_hits(np.array([[1.0, 0]]), gallery, [1]).tolist() == [0.5]
    assert rank_1_hits(np.array([[1.0, 0]]), gallery, [2]).tolist() == [0]
    # Whoever looks like everybody else gives no more than chance away.
    flat = np.tile([[1.0, 0]], (8, 1))
    assert rank_1_hits(flat, flat, np.arange(8)).sum() == pytest.approx(1)


def test_who_knows_the_group_finds_more() -> None:
    gallery = np.array([[1.0, 0], [0.9, 0.1], [0, 1.0]])
    probe = np.array([[1.0, 0]])
    assert rank_1_hits(probe, gallery, [1]).tolist() == [0]
    hits = rank_1_hits(probe, gallery, [1], probe_groups=["b"], gallery_groups=["a", "b", "b"])
    assert hits.tolist() == [1]
    assert chance_of_rank_1(["b"], ["a", "b", "b"]).tolist() == [0.5]


@given(st.integers(0, 10_000), st.integers(2, 12))
def test_turning_space_and_shuffling_the_gallery_change_nothing(seed, count) -> None:
    rng = np.random.default_rng(seed)
    probes, gallery = _units(rng, count, 6), _units(rng, count, 6)
    own = np.arange(count)
    hits = rank_1_hits(probes, gallery, own)
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    assert np.array_equal(rank_1_hits(probes @ turn, gallery @ turn, own), hits)
    order = rng.permutation(count)
    assert np.array_equal(rank_1_hits(probes, gallery[order], np.argsort(order)), hits)
    # Guessing among one's own kind is never worse than among all.
    groups = rng.integers(0, 3, count).tolist()
    among = rank_1_hits(probes, gallery, own, probe_groups=groups, gallery_groups=groups)
    assert (among >= hits).all()


def test_pairs_of_a_group() -> None:
    assert alike_pairs(["a", "b", "a", "a", "c"]).tolist() == [[0, 2], [0, 3], [2, 3]]
    assert alike_pairs([]).shape == (0, 2)


def test_similarities_of_pairs() -> None:
    vectors = np.array([[1.0, 0], [0, 1], [0.6, 0.8]])
    assert pair_similarities(vectors, np.array([[0, 1], [1, 2]])).tolist() == [0, 0.8]
    assert own_similarities(vectors, vectors[[0, 2, 2]]).tolist() == pytest.approx([1, 0.8, 1])
