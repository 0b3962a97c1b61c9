"""A face made of numbers: the mean mesh in a pose, and a picture of smooth colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from fsp_ray.core.face_types import F32, U8, SourceFace, SyntheticFace
from fsp_ray.synthesis import SourceFaceBuilder, load_topology


@dataclass(frozen=True)
class Studio:
    """What a test needs to swap once."""

    rgb: U8
    points: F32
    face: SyntheticFace
    source: SourceFace


def pose(
    size_px: float, center: tuple[float, float], *, yaw: float = 0.0, roll: float = 0.0
) -> F32:
    """The mean mesh, turned (radians), scaled and placed; f32[468, 3]."""
    cy, sy, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    turn = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    lean = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    points = size_px * load_topology().mean_shape.astype(np.float64) @ (lean @ turn).T
    return (points + np.array([*center, 0])).astype(np.float32)


def picture(height: int, width: int, seed: int = 0) -> U8:
    """Smooth skin-like colours with some grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(90, 200, (6, 8, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


def synthetic_face(seed: int = 1, spread: float = 0.02) -> SyntheticFace:
    """A texture of smooth ratios and a shape near the mean one, both without meaning."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, 14, (12, 12, 3)).astype(np.float32)
    texture = cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC)
    shape = load_topology().mean_shape
    wave = np.sin(shape @ rng.normal(0, 3, (3, 3)) + rng.normal(0, 1, 3))
    return SyntheticFace(
        person_id="p",
        texture=np.clip(texture, 0, 255).astype(np.uint8),
        shape=(shape + spread * wave).astype(np.float32),
        age_years=30,
        gender="female",
    )


def source_of(rgb: U8, points: F32) -> SourceFace:
    builder = SourceFaceBuilder()
    builder.add(rgb, points, 1.0)
    source = builder.build()
    assert source is not None
    return source


@pytest.fixture(scope="session")
def studio() -> Studio:
    rgb = picture(360, 480)
    points = pose(160, (240, 170), yaw=0.2, roll=0.1)
    return Studio(rgb, points, synthetic_face(), source_of(rgb, points))
