"""The mean face of a track: what the swapper must know of the face it replaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, NUM_POINTS, TEXTURE_PX, U8, SourceFace
from fsp_ray.synthesis.expressions import neutralise
from fsp_ray.synthesis.texels import unwrap
from fsp_ray.synthesis.topology import normalise_shape

# Under this share of the best seen texel, a texel counts as a gap.
_GAP: Final = 0.02
# Views whose shape lies far from the mean (a wide laugh, a mesh that slipped) count less: a
# Cauchy weight of this scale, in face widths.
_SHAPE_SCALE: Final = 0.02


class SourceFaceBuilder:
    """Adds up views of one face. Keeps every view's shape, but of the textures only the sum."""

    def __init__(self) -> None:
        self._shapes: list[F32] = []
        self._weights: list[float] = []
        self._texture = np.zeros((TEXTURE_PX, TEXTURE_PX, 3), np.float32)
        self._seen = np.zeros((TEXTURE_PX, TEXTURE_PX), np.float32)

    def add(self, rgb: U8, points: F32, weight: float) -> None:
        """Add one view.

        Args:
            rgb: u8[H, W, 3], the frame.
            points: f32[468, 3], the mesh in pixels of the frame.
            weight: how much the view counts (frontal, large, sharp); 0 leaves it out.

        Raises:
            ValueError: the mesh is not finite, or the weight is negative or not finite.
        """
        if not 0 <= weight < float("inf"):
            raise ValueError(f"a view's weight must be positive, not {weight}")
        if weight == 0:
            return
        texture, seen = unwrap(rgb, points)
        self._shapes.append(normalise_shape(points))
        self._weights.append(weight)
        seen = seen * np.float32(weight)
        self._texture += texture * seen[:, :, None]
        self._seen += seen

    def build(self) -> SourceFace | None:
        """Return the mean face, or None where no view showed anything of it."""
        if not self._shapes or self._seen.max() <= 0:
            return None
        weights = np.array(self._weights)
        mean = self._texture / np.maximum(self._seen, 1e-9)[:, :, None]
        seen = np.clip(self._seen / np.float32(weights.sum()), 0, 1)
        return SourceFace(
            shape=neutralise(_robust_mean(np.stack(self._shapes), weights)),
            texture=_fill_gaps(mean, seen),
            weight=seen,
            num_views=len(weights),
        )


def merge_sources(sources: Sequence[SourceFace]) -> SourceFace:
    """Return the mean of one person's source faces, each counted by its number of views.

    Raises:
        ValueError: there is none.
    """
    if not sources:
        raise ValueError("merge_sources needs at least one source face")
    if len(sources) == 1:
        return sources[0]
    views = np.array([source.num_views for source in sources], np.float64)
    share = (views / views.sum()).astype(np.float32)
    seen = [s * source.weight for s, source in zip(share, sources, strict=True)]
    total = np.sum(seen, axis=0)
    texture = np.sum(
        [w[:, :, None] * s.texture for w, s in zip(seen, sources, strict=True)], axis=0
    )
    mean = texture / np.maximum(total, 1e-9)[:, :, None]
    weight = np.clip(total, 0, 1).astype(np.float32)
    shapes = np.stack([source.shape for source in sources])
    return SourceFace(
        shape=_robust_mean(shapes, views),
        texture=_fill_gaps(mean, weight),
        weight=weight,
        num_views=int(views.sum()),
    )


def _robust_mean(shapes: F32, weights: npt.NDArray[np.float64]) -> F32:
    """Return the mean of shapes [V, 468, 3], in which outliers hardly count.

    Iteratively reweighted with a Cauchy weight on each view's root mean square distance.
    """
    share = weights / weights.sum()
    mean = np.tensordot(share, shapes, axes=1)
    for _ in range(3 if len(shapes) > 2 else 0):
        distance = np.sqrt(((shapes - mean) ** 2).sum(axis=2).mean(axis=1))
        share = weights / (1 + (distance / _SHAPE_SCALE) ** 2)
        share = share / share.sum()
        mean = np.tensordot(share, shapes, axes=1)
    return np.ascontiguousarray(mean, np.float32).reshape(NUM_POINTS, 3)


def _fill_gaps(texture: npt.NDArray[np.floating], seen: F32) -> U8:
    """Fill what was hardly seen: with its mirror image, then with what lies around."""
    weight = np.where(seen > _GAP * seen.max(), seen, np.float32(0))
    other, other_weight = texture[:, ::-1], weight[:, ::-1]
    # Half of it from the mirror where a texel is half as well seen as its partner, and so on.
    lean = np.clip(1 - weight / np.maximum(other_weight, 1e-6), 0, 1)[:, :, None] ** 2
    filled = texture + lean * (other - texture)
    known = np.maximum(weight, other_weight)
    known = known / max(float(known.max()), 1e-9)
    return _diffuse(filled, np.minimum(known / 0.2, 1))


def _diffuse(texture: npt.NDArray[np.floating], known: F32) -> U8:
    """Blend unknown texels into ever wider normalised blurs of the known ones."""
    small = cv2.resize(texture * known[:, :, None], (64, 64), interpolation=cv2.INTER_AREA)
    share = cv2.resize(known, (64, 64), interpolation=cv2.INTER_AREA)
    around = np.zeros_like(small)
    left = np.ones_like(share)  # what the narrower blurs have not settled yet
    for sigma in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0):
        wide = cv2.GaussianBlur(small, (0, 0), sigma)
        reach = cv2.GaussianBlur(share, (0, 0), sigma)
        settled = left * np.minimum(4 * reach, 1)
        around += (settled / np.maximum(reach, 1e-6))[:, :, None] * wide
        left = left - settled
    around /= np.maximum(1 - left, 1e-6)[:, :, None]
    large = cv2.resize(around, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_LINEAR)
    out = large + known[:, :, None] * (texture - large)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)
