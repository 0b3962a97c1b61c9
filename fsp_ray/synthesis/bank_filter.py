"""Which pictures make a bank face: looking ahead, bare of hair, spectacles and hard light."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TEXTURE_PX
from fsp_ray.synthesis.texels import texel_map, vertex_normals
from fsp_ray.synthesis.texture import areas, beard_score, blur
from fsp_ray.synthesis.topology import FACE_OVAL, LEFT_BROW, RIGHT_BROW, load_topology, with_rings

# Strong |n| on the forehead is a fringe; a dark line over the nose or towards both ears is a pair
# of spectacles. The limits were set by looking at 2,600 faces sorted by each measure.
_MAX_FRINGE: Final = 0.03
_MAX_BRIDGE: Final = 0.06
_MAX_BRIDGE_DARK: Final = 0.18
_MAX_TEMPLES: Final = 0.20
_MAX_SIDES: Final = 0.30
_MAX_LOPSIDED: Final = 0.065
# Beards on women are shadows or hair.
_MAX_WOMANS_BEARD: Final = 0.12
BEARDED: Final = 0.125


@dataclass(frozen=True, slots=True)
class Measures:
    """What a texture shows besides a face; shares 0..1, the rest in units of n.

    Attributes:
        fringe: share of the forehead with |n| > .30.
        sides: share of the sides with |n| > .35.
        bridge, bridge_dark: how dark a line over the nose between the eyes is: on average along
            the line, and in its darkest part.
        temples: how dark lines from the eyes to the ears are, both sides added.
        lopsided: mean difference between the halves' shading.
        beard: see `texture.beard_score`.
    """

    fringe: float
    sides: float
    bridge: float
    bridge_dark: float
    temples: float
    lopsided: float
    beard: float

    def reason(self, *, female: bool) -> str | None:
        """Return why a face is left out, or None."""
        reasons = (
            (self.fringe >= _MAX_FRINGE, "hair over the forehead"),
            (
                self.bridge > _MAX_BRIDGE
                or self.bridge_dark > _MAX_BRIDGE_DARK
                or self.temples > _MAX_TEMPLES,
                "spectacles",
            ),
            (self.sides > _MAX_SIDES, "hair over the cheeks"),
            (self.lopsided > _MAX_LOPSIDED, "light from one side"),
            (female and self.beard > _MAX_WOMANS_BEARD, "shade on the chin"),
        )
        return next((reason for found, reason in reasons if found), None)


def measure(ratio: F32) -> Measures:
    """Measure a log-ratio texture, f32[256, 256, 3]."""
    where = areas()
    strong = np.abs(ratio).max(axis=2)
    grey = ratio.mean(axis=2)
    uv = load_topology().uv * TEXTURE_PX
    outer, inner = float(uv[33, 0]), float(uv[133, 0])
    rows = round(float(uv[[33, 263], 1].mean()))
    between = slice(round(inner) + 4, TEXTURE_PX - round(inner) - 4)
    fine = grey - blur(grey, 5.0)
    middle, reach = TEXTURE_PX // 2, round(0.09 * TEXTURE_PX)
    left = _dark_line(grey, rows - 15, rows + 11, round(outer) - reach, round(outer) - 5)
    right_edge = TEXTURE_PX - round(outer)
    right = _dark_line(grey, rows - 15, rows + 11, right_edge + 5, right_edge + reach)
    return Measures(
        fringe=float((strong[where.forehead > 0] > 0.30).mean()),
        sides=float((strong[where.sides > 0] > 0.35).mean()),
        bridge=_dark_line(grey, rows - 21, rows + 15, middle - 6, middle + 6),
        bridge_dark=float(np.percentile(-fine[rows - 18 : rows + 15, between], 97)),
        temples=2 * min(left, right),
        lopsided=_lopsided(grey),
        beard=beard_score(ratio),
    )


def smile(shape: F32) -> float:
    """Return how much a normalised shape [468, 3] smiles: corners up and apart, mouth open."""
    corners_up = float(shape[[0, 17], 1].mean() - shape[[61, 291], 1].mean())
    width = float(abs(shape[61, 0] - shape[291, 0]))
    gap = float(np.linalg.norm(shape[13] - shape[14]))
    return corners_up + 0.5 * width + 0.5 * gap


def clean_edges(ratio: F32) -> F32:
    """Fade n to 0, plain skin, where a frontal picture shows no skin or smears it."""
    return np.asarray(hold_hair(ratio) * _trusted()[:, :, None], np.float32)


def hold_hair(ratio: F32) -> F32:
    """Hold n back towards the hair line and the temples: what is dark there is hair."""
    held = 0.1 * np.tanh(ratio / 0.1)
    return np.asarray(ratio + _hair_edge()[:, :, None] * (held - ratio), np.float32)


def fingerprint(ratio: F32) -> npt.NDArray[np.bool_]:
    """Return 256 bits that are nearly alike for two copies of one picture."""
    small = cv2.resize(ratio.mean(axis=2), (17, 16), interpolation=cv2.INTER_AREA)
    return (np.diff(small, axis=1) > 0).ravel()


@functools.cache
def _trusted() -> F32:
    """Return how far a frontal picture's texel is to be trusted, f32[256, 256]."""
    vertices = with_rings(load_topology().mean_shape)[: 468 + len(FACE_OVAL)]
    look = np.clip((vertex_normals(vertices)[:, 2] - 0.1) / 0.3, 0, 1).astype(np.float32)
    oval = (load_topology().uv[list(FACE_OVAL)] * TEXTURE_PX).astype(np.int32)
    inside = np.zeros((TEXTURE_PX, TEXTURE_PX), np.uint8)
    cv2.fillPoly(inside, [oval], 1)
    depth = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 5), np.float32)
    edge = np.clip((depth - 1) / 9, 0, 1)
    across = np.abs(np.arange(TEXTURE_PX) + 0.5 - TEXTURE_PX / 2) / TEXTURE_PX
    # Beyond the cheek bones lie sideburns, ears and hair, whatever the normals say.
    middle = np.clip((0.355 - across) / 0.11, 0, 1).astype(np.float32)[None]
    seen = blur(texel_map().spread(look[:, None])[0], 3.0)
    # Nostrils and lips look down, but are seen well enough.
    seen = np.maximum(seen, (across < 0.2).astype(np.float32)[None])
    return blur(np.minimum(np.minimum(edge, seen), middle).astype(np.float32), 2.0)


@functools.cache
def _hair_edge() -> F32:
    """Return where hair may hang into the face, f32[256, 256]: brows, eyes and beard spared."""
    v, u = (np.mgrid[0:TEXTURE_PX, 0:TEXTURE_PX] + 0.5) / TEXTURE_PX
    uv = load_topology().uv
    brow_v = float(uv[[*LEFT_BROW, *RIGHT_BROW], 1].min())
    across = np.abs(u - 0.5)
    temples = np.clip((across - 0.255) / 0.04, 0, 1) * np.clip((0.66 - v) / 0.06, 0, 1)
    above = np.clip((brow_v - 0.02 - v) / 0.04, 0, 1)
    tail = uv[[105, 63, 70]]
    brow_line = np.interp(across, 0.5 - tail[:, 0], tail[:, 1])
    corners = np.clip((brow_line - 0.035 - v) / 0.03, 0, 1) * np.clip((across - 0.17) / 0.03, 0, 1)
    edge = np.maximum(np.maximum(temples, above), corners)
    return blur(edge.astype(np.float32), 2.0)


def _dark_line(grey: F32, top: int, bottom: int, left: int, right: int) -> float:
    """Return the depth of the darkest horizontal line, about 3 texels wide, in a window."""
    profile = grey[top - 8 : bottom + 8, left:right].mean(axis=1)
    line = np.convolve(profile, np.ones(3) / 3, mode="same")
    depth = np.minimum(np.roll(line, 6), np.roll(line, -6)) - line
    return float(depth[8:-8].max())


def _lopsided(grey: F32) -> float:
    small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 1.5)
    where = areas()
    mask = cv2.resize(where.skin * where.core, (64, 64), interpolation=cv2.INTER_AREA) > 0.6
    return float(np.abs(small - small[:, ::-1])[mask].mean())
