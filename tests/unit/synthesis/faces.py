"""Faces made of numbers for the tests of this room: no picture of anybody."""

from __future__ import annotations

import numpy as np

from fsp_ray.core.face_types import SourceFace
from fsp_ray.synthesis.bank import FaceBank, encode_webp
from fsp_ray.synthesis.texture import areas, blur, encode_ratio
from fsp_ray.synthesis.topology import load_topology

TINT = np.array([1.15, 0.88, 0.75])


def plain_source(level: int = 150) -> SourceFace:
    """Plain skin on the mean shape, with the brows of an average face."""
    skin = np.broadcast_to(TINT * level, (256, 256, 3))
    texture = skin * np.exp(-0.3 * areas().brows)[:, :, None]
    return SourceFace(
        shape=load_topology().mean_shape.copy(),
        texture=np.clip(texture, 0, 255).astype(np.uint8),
        weight=np.ones((256, 256), np.float32),
        num_views=1,
    )


def face_ratio(rng: np.random.Generator):
    """A log-ratio texture that passes the filters: brows, and smooth marks of its own."""
    noise = blur(rng.normal(0, 1, (256, 256, 3)).astype(np.float32), 5.0)
    noise = noise / noise.std() * 0.07
    brows = -0.3 * blur(areas().brows, 2.0)
    return ((noise + noise[:, ::-1]) / 2 + brows[:, :, None]).astype(np.float32)


def small_bank(per_gender: int = 30, seed: int = 0) -> FaceBank:
    rng = np.random.default_rng(seed)
    count = 2 * per_gender
    mean = load_topology().mean_shape
    wave = rng.normal(0, 0.01, (count, 6, 3)) @ np.ones((3, 3)) / 3
    basis = np.stack([np.sin((k + 1) * mean[:, 1] * 3) for k in range(6)])
    return FaceBank(
        webp=tuple(encode_webp(encode_ratio(face_ratio(rng))) for _ in range(count)),
        shape=(mean + np.einsum("kp,nkc->npc", basis, wave)).astype(np.float32),
        age_years=rng.uniform(22, 40, count).astype(np.float32),
        female=np.arange(count) < per_gender,
        tone=rng.normal((0.3, -0.2, 0.6), 0.05, (count, 3)).astype(np.float32),
        beard=rng.uniform(0, 0.1, count).astype(np.float32),
        brow=rng.uniform(-0.4, -0.2, count).astype(np.float32),
        num_mixed=np.ones(count, np.uint8),
    )
