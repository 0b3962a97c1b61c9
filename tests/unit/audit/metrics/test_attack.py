"""The attack finds what is there to be found, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from fsp_ray.audit.metrics import (
    Share,
    binomial_tail,
    cross_fitted,
    fit_attack,
    rank_1_hits,
)


def _units(rng, *shape: int):
    vectors = rng.normal(size=shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _rank_1(after, before, *, whitened: bool) -> Share:
    hits = []
    for fitted, held in cross_fitted(len(after)):
        attack = fit_attack(after[fitted], before[fitted], whitened=whitened)
        guesses, originals = attack.apply(after[held]), attack.centred(before[held])
        hits.append(rank_1_hits(guesses, originals, np.arange(len(held))))
    return Share.of(np.concatenate(hits))


@pytest.mark.parametrize("whitened", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_map_is_found(seed: int, whitened: bool) -> None:
    rng = np.random.default_rng(seed)
    before = _units(rng, 120, 32)
    # Turned, so that nobody is near their original; a quarter of it noise, one part common.
    turn, _ = np.linalg.qr(rng.normal(size=(32, 32)))
    after = before @ turn + 0.05 * rng.normal(size=(120, 32)) + 2 * _units(rng, 1, 32)
    after /= np.linalg.norm(after, axis=1, keepdims=True)
    plain = Share.of(rank_1_hits(after, before, np.arange(120)))
    assert plain.share is not None
    assert plain.share < 0.1
    found = _rank_1(after, before, whitened=whitened)
    assert found.share is not None
    assert found.share > 0.8


@pytest.mark.parametrize("whitened", [False, True])
def test_nothing_is_found_where_nothing_is(whitened: bool) -> None:
    hits, chances = 0.0, []
    for seed in range(5):
        rng = np.random.default_rng(100 + seed)
        found = _rank_1(_units(rng, 80, 24), _units(rng, 80, 24), whitened=whitened)
        hits += found.hits
        chances += [1 / 40] * found.n
    assert len(chances) == 400
    assert binomial_tail(hits, chances) > 0.001
    assert hits / len(chances) < 0.06


def test_halves_are_apart_and_cover_all() -> None:
    (fitted, held), (other_fitted, other_held) = cross_fitted(11)
    assert not set(fitted) & set(held)
    assert sorted([*fitted, *held]) == list(range(11))
    assert (held.tolist(), fitted.tolist()) == (other_fitted.tolist(), other_held.tolist())


def test_too_few_people_teach_nothing() -> None:
    with pytest.raises(ValueError, match="ten people"):
        fit_attack(np.eye(9), np.eye(9))
