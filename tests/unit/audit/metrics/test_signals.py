"""Jitter, openings and correlation, on meshes that move as told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.audit.metrics import correlation, jitter, opening


@pytest.fixture
def mesh():
    points = np.random.default_rng(0).uniform(0, 100, (468, 3)).astype(np.float32)
    points[33], points[263] = (0, 50, 0), (100, 50, 0)  # outer eye corners: 100 px
    return points


def test_what_moves_evenly_does_not_tremble(mesh) -> None:
    step = np.arange(10, dtype=np.float32)[:, None, None] * np.float32([3, -2, 0])
    assert jitter(mesh[None] + step) == pytest.approx(0, abs=1e-5)


def test_known_jitter(mesh) -> None:
    frames = np.repeat(mesh[None], 9, axis=0)
    frames[::2, :, 0] += 1  # to and fro by one pixel: a second difference of two
    assert jitter(frames) == pytest.approx(0.02, rel=1e-3)
    assert jitter(frames * np.float32(3)) == pytest.approx(0.02, rel=1e-3)  # size is no matter
    assert jitter(frames[:2]) is None


def _with_mouth(mesh, gap: float):
    points = mesh.copy()
    for top, bottom in ((13, 14), (82, 87), (312, 317)):
        points[top], points[bottom] = (50, 70, 0), (50, 70 + gap, 0)
    points[78], points[308] = (30, 70, 0), (70, 70, 0)
    return points


def test_known_openings(mesh) -> None:
    frames = np.stack([_with_mouth(mesh, gap) for gap in (0, 10, 20)])
    assert opening(frames, "mouth").tolist() == pytest.approx([0, 0.25, 0.5])
    # A head that turns away keeps its mouth as open as it was.
    turn = np.array([[np.cos(0.7), 0, np.sin(0.7)], [0, 1, 0], [-np.sin(0.7), 0, np.cos(0.7)]])
    turned = (frames @ turn.T).astype(np.float32)
    assert opening(turned, "mouth").tolist() == pytest.approx([0, 0.25, 0.5], abs=1e-5)


def test_a_blink_shows_in_the_eyes_alone(mesh) -> None:
    shut = mesh.copy()
    for top, bottom in ((159, 145), (158, 153), (160, 144), (386, 374), (385, 380), (387, 373)):
        shut[top] = shut[bottom]
    frames = np.stack([mesh, shut])
    assert opening(frames, "eyes")[1] == pytest.approx(0)
    assert opening(frames, "eyes")[0] > 0.1
    mouths = opening(frames, "mouth")
    assert mouths[0] == mouths[1]


@given(st.integers(0, 1000), st.floats(0.1, 5), st.floats(-3, 3))
def test_correlation_knows_no_scale(seed, gain, shift) -> None:
    series = np.random.default_rng(seed).normal(size=40)
    assert correlation(series, gain * series + shift) == pytest.approx(1)
    assert correlation(series, -gain * series + shift) == pytest.approx(-1)


def test_what_does_not_move_correlates_with_nothing() -> None:
    assert correlation(np.ones(10), np.arange(10.0)) is None
    assert correlation(np.arange(2.0), np.arange(2.0)) is None
    assert correlation(np.array([1.0, 2, 1, 2]), np.array([1.0, 1, 2, 2])) == pytest.approx(0)
