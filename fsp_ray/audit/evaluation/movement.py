"""What a published video keeps of movement: trembling, and how far mouth and eyes stand open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.results import Following, Moving, Spread
from fsp_ray.audit.metrics import Share, correlation, jitter, opening
from fsp_ray.core.face_types import F32, U8, FaceRois, Landmarks
from fsp_ray.core.protocols import FaceLandmarker

Meshes = npt.NDArray[np.float32]

MIN_TRACK_FRAMES: Final = 25
# Opening and closing must stand out from what encoding alone changes. At three times the noise,
# a perfect swap still correlates with about .95; under it, noise would be judged.
_MIN_OVER_NOISE: Final = 3.0
_MIN_FOUND: Final = 0.5
# Where a face is read: shifts right and down, and sizes, as shares of the place it was found in.
_PLACES: Final = ((0.0, 0.0, 1.0), (0.01, 0.007, 1.04), (-0.01, -0.007, 0.96))


@dataclass(slots=True, eq=False)
class Trail:
    """One track under one published condition. Biometric: memory only.

    Attributes:
        pts: frames at which meshes were fitted.
        before, after: f32[468, 3] each, fitted from the same ROI by `fitted`.
        again: the same, `fitted` to the source encoded once more: what a perfect swap would give.
        found: whether the detector finds the face there.
    """

    pts: list[int] = field(default_factory=list[int])
    before: list[F32] = field(default_factory=list[F32])
    after: list[F32] = field(default_factory=list[F32])
    again: list[F32] = field(default_factory=list[F32])
    found: list[bool] = field(default_factory=list[bool])


@dataclass(frozen=True, slots=True)
class _Followed:
    """How well one track follows: as published, and encoded once more. None: nothing to follow."""

    own: float | None
    ceiling: float | None
    frames: int


def fitted(landmarker: FaceLandmarker, rgb: U8, rois: FaceRois) -> Landmarks:
    """Fit meshes with less noise than one reading has: the mean of readings of a few places.

    A landmarker's answer depends a little on where in its picture the face lies. The source, its
    copy and what was published are all read in the same places, so none of them gains by it.

    Args:
        landmarker: fits one mesh a ROI.
        rgb: u8[H, W, 3], a frame of any version.
        rois: M places in it; each is read three times.
    """
    count, side = len(rois), rois.size_px[:, None]
    places = [
        (rois.center + side * np.array([right, down]), rois.size_px * size)
        for right, down, size in _PLACES
    ]
    read = landmarker.landmarks(
        rgb,
        FaceRois(
            np.concatenate([center for center, _ in places]).astype(np.float32),
            np.concatenate([size for _, size in places]).astype(np.float32),
            np.tile(rois.angle_rad, len(places)),
        ),
    )
    points = read.points.reshape(len(places), count, *read.points.shape[1:])
    presence = read.presence.reshape(len(places), count)
    mean = (np.asarray(values.mean(axis=0), np.float32) for values in (points, presence))
    return Landmarks(*mean)


def moving(trails: Sequence[tuple[Trail, frozenset[int]]]) -> Moving:
    """Return what is kept of movement.

    Args:
        trails: each with the frames (pts) that the pipeline swaps. Of tracks that no detector
            finds in half of those frames, because the person was covered, nothing is measured.
    """
    found: list[bool] = []
    ratios: list[tuple[float, int]] = []
    mouths: list[_Followed] = []
    eyes: list[_Followed] = []
    for trail, swapped in trails:
        mask = np.array([pts in swapped for pts in trail.pts], np.bool_)
        seen = np.array(trail.found, np.bool_)[mask]
        if not len(seen) or seen.mean() < _MIN_FOUND:
            continue
        found += seen.tolist()
        if len(seen) < MIN_TRACK_FRAMES:
            continue
        before, after, again = (
            np.stack(meshes)[mask] for meshes in (trail.before, trail.after, trail.again)
        )
        were, are = jitter(before), jitter(after)
        if were and are is not None:
            ratios.append((are / were, len(seen)))
        mouths.append(_followed(before, after, again, "mouth"))
        eyes.append(_followed(before, after, again, "eyes"))
    return Moving(
        found=Share.of(found),
        jitter_ratio=_spread(ratios, worst=max),
        mouth=_following(mouths),
        eyes=_following(eyes),
    )


def _followed(
    before: Meshes, after: Meshes, again: Meshes, part: Literal["mouth", "eyes"]
) -> _Followed:
    source, encoded = opening(before, part), opening(again, part)
    noise = float((encoded - source).std())
    if float(source.std()) < max(_MIN_OVER_NOISE * noise, 1e-9):
        return _Followed(None, None, len(source))
    own = correlation(source, opening(after, part))
    # A mouth that stands still where the source's moves does not follow at all.
    return _Followed(own or 0.0, correlation(source, encoded), len(source))


def _following(tracks: Sequence[_Followed]) -> Following:
    own = [(one.own, one.frames) for one in tracks if one.own is not None]
    ceiling = [(one.ceiling, one.frames) for one in tracks if one.ceiling is not None]
    return Following(len(tracks), _spread(own, worst=min), _spread(ceiling, worst=min))


def _spread(
    values: Sequence[tuple[float, int]], worst: Callable[[Sequence[float]], float]
) -> Spread:
    if not values:
        return Spread(0, None, None, None)
    figures = [value for value, _ in values]
    mean = float(np.average(figures, weights=[frames for _, frames in values]))
    return Spread(len(values), float(np.median(figures)), float(worst(figures)), mean)
