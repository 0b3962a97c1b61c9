"""The face is as sharp, and as coloured in its shadows, as the video it is put into."""

from __future__ import annotations

import cv2
import numpy as np

from fsp_ray.core.face_types import TEXTURE_PX, U8, SyntheticFace
from fsp_ray.swap import SwapSettings
from fsp_ray.swap.detail import Detail
from fsp_ray.swap.light import TextureLight
from fsp_ray.swap.lowpass import low_pass_light
from fsp_ray.swap.masks import rim_mask, skin_mask
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
        texture = light.shade(rgb, vertices, vertices, TEXTURE_PX)
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
    detail.follow(np.ascontiguousarray(blurred[::2, ::2, 1]), seen, 1.0, texel_px=1.0)
    error = np.abs(detail.ratio(TEXTURE_PX) - blurred).mean()
    assert error < 0.35 * np.abs(ratio - blurred).mean()
    assert detail.ratio(64).shape == (64, 64, 3)


def pored(texel_px: float, noise: float = 0.02) -> float:
    """How fine-grained a smooth face becomes on a frame of that noise."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(1, 0.1, (8, 8)).astype(np.float32)
    features = cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC)
    detail = Detail(np.repeat(features[:, :, None], 3, axis=2))
    frame = features[::2, ::2] * (1 + noise * rng.standard_normal((128, 128)))
    detail.follow(frame.astype(np.float32), np.ones((128, 128), np.float32), 1.0, texel_px)
    return fine_strength(detail.ratio(TEXTURE_PX)[60:200, 60:200, 1])


def test_a_smooth_face_gets_pores_where_a_sharp_video_shows_some() -> None:
    assert pored(0.6) > pored(0.6, noise=0) + 0.003


def test_noise_of_a_blurred_video_is_no_pores() -> None:
    soft = cv2.GaussianBlur(portrait((1, 1, 1)), (0, 0), 4)
    points = pose(220, (200, 190))
    light = TextureLight(synthetic(), source_of(soft, points), SETTINGS)
    vertices = with_rings(points)[:TEXTURED_VERTICES]
    noise = np.random.default_rng(0).normal(0, 2, soft.shape)
    plain = fine_strength(light.shade(soft, vertices, vertices, TEXTURE_PX).astype(float))
    noisy = np.clip(cv2.GaussianBlur(soft + noise, (0, 0), 4), 0, 255).astype(np.uint8)
    light = TextureLight(synthetic(), source_of(noisy, points), SETTINGS)
    again = fine_strength(light.shade(noisy, vertices, vertices, TEXTURE_PX).astype(float))
    assert again < 1.1 * plain


def test_sharpness_changes_slowly_within_a_track() -> None:
    """One blurred frame after sharp ones hardly softens the face."""
    sharp = portrait((1, 1, 1))
    soft = cv2.GaussianBlur(sharp, (0, 0), 5)
    points = pose(220, (200, 190))
    vertices = with_rings(points)[:TEXTURED_VERTICES]
    light = TextureLight(synthetic(), source_of(sharp, points), SETTINGS)
    before = fine_strength(light.shade(sharp, vertices, vertices, TEXTURE_PX).astype(float))
    after = fine_strength(light.shade(soft, vertices, vertices, TEXTURE_PX).astype(float))
    assert 0.65 * before < after <= before * 1.02


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
    vertices = with_rings(points)[:TEXTURED_VERTICES]
    texture = light.shade(grey, vertices, vertices, TEXTURE_PX).astype(int)
    assert np.ptp(texture[60:200, 40:216], axis=2).max() <= 3


def test_the_light_at_the_edge_goes_over_into_what_lies_beyond() -> None:
    """A face that turns from the light at its edge stays dark there; its middle is no darker."""
    points = pose(220, (200, 190))
    vertices = with_rings(points)[:TEXTURED_VERTICES]
    plain = np.full((400, 400, 3), (150, 130, 112), np.uint8)
    far = np.hypot((np.mgrid[:400, :400][1] - 200) / 110, (np.mgrid[:400, :400][0] - 190) / 145)
    turned = (plain * (1 - 0.4 * np.clip((far - 0.7) / 0.3, 0, 1))[:, :, None]).astype(np.uint8)
    textures = [
        TextureLight(synthetic(), source_of(rgb, points), SETTINGS).shade(
            rgb, vertices, vertices, TEXTURE_PX
        )
        for rgb in (plain, turned)
    ]
    ratio = textures[1].astype(float).mean(axis=2) / textures[0].astype(float).mean(axis=2)
    edge = (rim_mask() > 0.3) & (skin_mask() > 0)
    assert ratio[edge].mean() < 0.88
    assert ratio[110:150, 110:150].mean() > 0.93


def test_light_has_no_detail_finer_than_the_narrower_low_pass() -> None:
    """Marks of the frame's face leave no trace in the light that the new one is put in."""
    rng = np.random.default_rng(3)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (128, 128)).astype(np.float32), (0, 0), 2.0)
    texture = 140 * np.exp(0.1 * fine / fine.std())[:, :, None] * np.ones(3)
    light = low_pass_light(texture.astype(np.float32), np.ones((128, 128), np.float32))[:, :, 1]
    finer = light - cv2.GaussianBlur(light, (0, 0), 3.0)
    middle = rim_mask()[2::4, 2::4] == 0
    assert np.abs(finer / light)[middle].max() < 0.015
