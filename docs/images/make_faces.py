"""Draws faces.png: synthetic faces from the shipped bank, on nobody's head.

Run: .venv/bin/python docs/images/make_faces.py [BANK.npz]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import SourceFace, SyntheticFace
from fsp_ray.swap.raster import affine_coefficients, evaluate, paint_triangles
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.generator import BankGenerator
from fsp_ray.synthesis.texture import decode_ratio
from fsp_ray.synthesis.topology import Region, load_topology

SIZE_PX = 176
FACE_PX = 140.0
CAST: tuple[tuple[float, Gender, int], ...] = (
    (8, "female", 120),
    (24, "male", 150),
    (31, "female", 165),
    (42, "male", 110),
    (55, "female", 150),
    (70, "male", 165),
)
PAPER = 255.0
TINT = np.array([1.15, 0.88, 0.75], np.float32)


def neutral_source(level: int) -> SourceFace:
    """Return plain skin on the mean shape."""
    skin = np.clip(TINT * level, 0, 255).astype(np.uint8)
    return SourceFace(
        shape=load_topology().mean_shape.copy(),
        texture=np.broadcast_to(skin, (256, 256, 3)).copy(),
        weight=np.ones((256, 256), np.float32),
        num_views=1,
    )


def draw(face: SyntheticFace, level: int) -> npt.NDArray[np.uint8]:
    """Return u8[SIZE_PX, SIZE_PX, 3], RGB: the face seen from the front, in soft light."""
    topology = load_topology()
    points = face.shape * np.float32(FACE_PX)
    points[:, :2] += SIZE_PX / 2 - (points[:, :2].max(axis=0) + points[:, :2].min(axis=0)) / 2
    triangles = topology.of(Region.SKIN, Region.EYE, Region.MOUTH)
    triangles = triangles[(triangles < len(points)).all(axis=1)]
    corners = np.ascontiguousarray(points[triangles][:, :, :2])
    order = np.argsort(-points[triangles][:, :, 2].mean(axis=1))
    painted = paint_triangles(corners, order, (SIZE_PX, SIZE_PX))
    uv = evaluate(painted, affine_coefficients(corners, topology.uv[triangles])) * 256 - 0.5
    texture = TINT * level * np.exp(decode_ratio(face.texture))
    colour = cv2.remap(texture.astype(np.float32), uv[..., 0], uv[..., 1], cv2.INTER_LINEAR)
    y, x = np.mgrid[-1 : 1 : SIZE_PX * 1j, -1 : 1 : SIZE_PX * 1j]
    light = 1.08 - 0.30 * (x - 0.25) ** 2 - 0.12 * y
    solid = cv2.erode((painted > 0).astype(np.float32), np.ones((7, 7), np.uint8))
    inside = cv2.GaussianBlur(solid, (0, 0), 1.2)[..., None]
    shaded = np.clip(colour * light[..., None], 0, 255) * inside + PAPER * (1 - inside)
    return shaded.astype(np.uint8)


def main() -> None:
    """Write faces.png beside this file."""
    bank = FaceBank.load(Path(sys.argv[1])) if len(sys.argv) > 1 else FaceBank.default()
    generator = BankGenerator(bank)
    rng = np.random.default_rng(20)
    cells = [
        draw(generator.generate("nobody", age, gender, neutral_source(level), rng), level)
        for age, gender, level in CAST
    ]
    picture = cv2.cvtColor(np.hstack(cells), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(Path(__file__).with_name("faces.png")), picture)


if __name__ == "__main__":
    main()
