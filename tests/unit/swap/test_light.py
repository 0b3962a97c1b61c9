"""The face is as sharp, and as coloured in its shadows, as the video it is put into."""

from __future__ import annotations

import cv2
import numpy as np

from fsp_ray.core.face_types import TEXTURE_PX, U8, SourceFace, SyntheticFace
from fsp_ray.swap import SwapSettings
from fsp_ray.swap.detail import Detail
from fsp_ray.swap.light import TextureLight, with_lips_of
from fsp_ray.swap.masks import lip_mask, skin_mask
from fsp_ray.synthesis import load_topology, with_rings
from fsp_ray.synthesis.topology import TEXTURED_VERTICES

from .conftest import pose, source_of

SETTINGS = SwapSettings(expression_weight=0)


def portrait(contrast: tuple[float, float, float], seed: int = 0) -> U8:
    """Detail at every scale, of a given contrast in each channel."""
    rng = np.random.default_rng(seed)
    detail = sum(
        cv2.resize(rng.normal(0, 1, (side, side)).astype(np.float32), (400, 400))
        for side in (25, 50, 100, 200)
    )
    skin = np.array([150, 130, 112])
    return np.clip(skin + 12 * detail[:, :, None] * np.array(contrast), 1, 250).astype(np.uint8)


def synthetic(seed: int = 9) -> SyntheticFace:
    rng = np.random.default_rng(seed)
    detail = sum(
        cv2.resize(rng.normal(0, 1, (side, side)).astype(np.float32), (256, 256))
        for side in (24, 48, 96, 192)
    )
    texture = np.repeat(np.clip(128 + 8 * detail, 0, 255)[:, :, None], 3, axis=2).astype(np.uint8)
    return SyntheticFace("p", texture, load_topology().mean_shape.copy(), 30, "male")


def lit(rgb: U8, frames: int = 1) -> np.ndarray:
    points = pose(220, (200, 190))
    light = TextureLight(synthetic(), source_of(rgb, points), SETTINGS)
    vertices = with_rings(points)[:TEXTURED_VERTICES]
    for _ in range(frames):
        texture = light.shade(rgb, vertices, TEXTURE_PX)
    return texture[90:200, 60:200].astype(float)


def fine_strength(texture: np.ndarray) -> float:
    return float((texture - cv2.GaussianBlur(texture, (0, 0), 2)).std())


def test_a_blurred_video_gets_a_blurred_face() -> None:
    sharp = portrait((1, 1, 1))
    soft = cv2.GaussianBlur(sharp, (0, 0), 5)
    assert fine_strength(lit(soft)) < 0.6 * fine_strength(lit(sharp))


def test_the_blur_of_the_video_is_found() -> None:
    """Shown its own face under a blur, the detail comes out blurred about as much."""
    code = (synthetic().texture.astype(np.float32) - 128) / 80
    ratio = np.exp(code).astype(np.float32)
    detail = Detail(ratio)
    blurred = cv2.GaussianBlur(ratio, (0, 0), 4)
    seen = np.ones((128, 128), np.float32)
    detail.follow(np.ascontiguousarray(blurred[::2, ::2, 1]), seen, 1.0)
    error = np.abs(detail.ratio(TEXTURE_PX) - blurred).mean()
    assert error < 0.35 * np.abs(ratio - blurred).mean()
    assert detail.ratio(64).shape == (64, 64, 3)


def test_sharpness_changes_slowly_within_a_track() -> None:
    """One blurred frame after sharp ones hardly softens the face."""
    sharp = portrait((1, 1, 1))
    soft = cv2.GaussianBlur(sharp, (0, 0), 5)
    points = pose(220, (200, 190))
    vertices = with_rings(points)[:TEXTURED_VERTICES]
    light = TextureLight(synthetic(), source_of(sharp, points), SETTINGS)
    before = fine_strength(light.shade(sharp, vertices, TEXTURE_PX).astype(float))
    after = fine_strength(light.shade(soft, vertices, TEXTURE_PX).astype(float))
    assert 0.75 * before < after <= before * 1.02


def test_the_contrast_of_a_channel_follows_the_source() -> None:
    warm = lit(portrait((0.6, 1, 1.4)))
    spread = (warm - cv2.GaussianBlur(warm, (0, 0), 20)).std(axis=(0, 1))
    assert spread[0] < 0.8 * spread[1]
    assert spread[2] > 1.2 * spread[1]


def test_the_texture_keeps_the_sources_tone() -> None:
    rgb = portrait((1, 1, 1)).astype(np.float32) * np.array([1.2, 0.9, 0.6])
    rgb = np.clip(rgb, 0, 255).astype(np.uint8)
    mean = lit(rgb).mean(axis=(0, 1))
    here = rgb.mean(axis=(0, 1))
    np.testing.assert_allclose(mean / mean[1], here / here[1], rtol=0.06)


def test_a_film_without_colour_gets_a_face_without() -> None:
    grey = np.repeat(portrait((1, 1, 1))[:, :, 1:2], 3, axis=2)
    coloured = synthetic()
    coloured.texture[80:120, :, 0] += 40
    points = pose(220, (200, 190))
    light = TextureLight(coloured, source_of(grey, points), SETTINGS)
    texture = light.shade(grey, with_rings(points)[:TEXTURED_VERTICES], TEXTURE_PX).astype(int)
    assert np.ptp(texture[60:200, 40:216], axis=2).max() <= 3


def test_lips_come_near_the_mean_colour_of_the_sources_and_skin_stays() -> None:
    lips = lip_mask() > 0.9
    skin = np.array([200, 160, 140], np.uint8)
    texture = np.tile(skin, (256, 256, 1)).astype(np.uint8)
    texture[lip_mask() > 0.5] = (170, 90, 90)
    shape = np.zeros((468, 3), np.float32)
    source = SourceFace(shape, texture, np.ones((256, 256), np.float32), 1)
    pale = np.zeros((256, 256, 3), np.float32)
    drawn = with_lips_of(pale, source)
    wanted = np.log((170 + 4) / (200 + 4)), np.log((90 + 4) / (160 + 4)), np.log((90 + 4) / 144)
    for channel, value in enumerate(wanted):
        assert 0.6 * value > drawn[lips][:, channel].mean() > 1.1 * value
    assert np.abs(drawn[skin_mask() > 0]).max() < 0.01
    unseen = SourceFace(shape, texture, np.zeros((256, 256), np.float32), 1)
    np.testing.assert_array_equal(with_lips_of(pale, unseen), pale)
