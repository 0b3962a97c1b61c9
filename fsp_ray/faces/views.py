"""Which looks at a face are worth measuring: frontal, large, sharp, and spread in time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fsp_ray.faces.geometry import box_from_points, box_size, head_pose
from fsp_ray.faces.tracking import Observation

MAX_VIEWS: Final = 8
FRONTAL_MAX_YAW_DEG: Final = 30.0
"""Beyond it a view is a side view: measured if there is no better one, never averaged."""

MIN_FACE_PX: Final = 24.0
"""Under it a crop holds more interpolation than face, and the recognisers guess."""

_FULL_SIZE_PX: Final = 112.0
_MAX_YAW_DEG: Final = 75.0
_MAX_PITCH_DEG: Final = 60.0
# At most one view is measured in so many frames of a batch.
_WINDOW_FRAMES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One look at a face that was chosen.

    Attributes:
        observation: the face, with its mesh.
        weight: how much it counts, over 0, at most 1.
        frontal: whether it may be averaged with others.
    """

    observation: Observation
    weight: float
    frontal: bool


class BestViews:
    """Keeps the best looks at each track while its frames go by.

    Push by push, `choose` says which observations to measure now, while their frames are at hand;
    in the end `kept` says which of those are to be used. A view that was chosen may be pushed out
    later by a better one, so the caller drops what is not kept.
    """

    def __init__(self, max_views: int = MAX_VIEWS) -> None:
        if max_views < 1:
            raise ValueError("max_views must be at least 1")
        self._max_views = max_views
        self._kept: dict[str, list[View]] = {}
        self._sharpness: dict[str, list[float]] = {}

    def choose(
        self, observations: Sequence[Observation], sharpness: Sequence[float]
    ) -> tuple[View, ...]:
        """Return the views worth measuring among the observations of one batch, in their order.

        Args:
            observations: what `ShardTracker.push` returned.
            sharpness: one number an observation, positive, greater where the picture is sharper;
                it is compared within a track only.

        Raises:
            ValueError: not one sharpness for each observation.
        """
        if len(observations) != len(sharpness):
            raise ValueError("one sharpness is needed for each observation")
        candidates = self._candidates(observations, sharpness)
        taken = [view for view in candidates if self._take(view)]
        # What a later candidate of this batch pushed out again need not be measured.
        return tuple(v for v in taken if any(v is k for k in self.kept(v.observation.track_id)))

    def kept(self, track_id: str) -> tuple[View, ...]:
        """Return the track's views, earliest first."""
        return tuple(self._kept.get(track_id, ()))

    def _candidates(
        self, observations: Sequence[Observation], sharpness: Sequence[float]
    ) -> list[View]:
        best: dict[tuple[str, int], View] = {}
        for view in self._rate(observations, sharpness):
            key = (view.observation.track_id, view.observation.frame // _WINDOW_FRAMES)
            if key not in best or view.weight > best[key].weight:
                best[key] = view
        return list(best.values())

    def _rate(self, observations: Sequence[Observation], sharpness: Sequence[float]) -> list[View]:
        if not observations:
            return []
        points = np.stack([o.points for o in observations])
        pose = head_pose(points)
        size = box_size(box_from_points(points))
        facing = np.clip(1 - (pose.yaw / _MAX_YAW_DEG) ** 2, 0, 1)
        facing *= np.clip(1 - (pose.pitch / _MAX_PITCH_DEG) ** 2, 0, 1)
        weight = facing**2 * np.clip(size / _FULL_SIZE_PX, 0, 1)
        frontal = np.abs(pose.yaw) <= FRONTAL_MAX_YAW_DEG
        return [
            View(o, float(weight[i]) * self._clarity(o.track_id, sharpness[i]), bool(frontal[i]))
            for i, o in enumerate(observations)
            if size[i] >= MIN_FACE_PX and weight[i] > 0
        ]

    def _clarity(self, track_id: str, sharpness: float) -> float:
        """Return 0..1, .5 for the track's usual sharpness."""
        seen = self._sharpness.setdefault(track_id, [])
        seen.append(max(sharpness, 0.0))
        del seen[:-64]
        usual = float(np.median(seen))
        return max(seen[-1], 1e-6) / max(seen[-1] + usual, 2e-6)

    def _take(self, view: View) -> bool:
        kept = self._kept.setdefault(view.observation.track_id, [])
        kept.append(view)
        kept.sort(key=lambda v: v.observation.pts)
        if len(kept) <= self._max_views:
            return True
        worst = min(range(len(kept)), key=_values(kept).__getitem__)
        return kept.pop(worst) is not view


def _values(views: Sequence[View]) -> list[float]:
    """Return each view's weight, less where its neighbours in time are near.

    The first and the last one lack a neighbour: without them a track would be known by its end
    alone.
    """
    pts = [v.observation.pts for v in views]
    usual = max((pts[-1] - pts[0]) / (len(pts) - 1), 1)
    gaps = [usual * 2, *(after - before for before, after in itertools.pairwise(pts)), usual * 2]
    return [
        view.weight * min(max((before + after) / usual / 2, 0.1), 2.0) ** 0.5
        for view, (before, after) in zip(views, itertools.pairwise(gaps), strict=True)
    ]
