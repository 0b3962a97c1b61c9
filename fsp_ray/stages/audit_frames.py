"""Which frames of a shard the audit searches: all over, and closer where faces are missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import I64
from fsp_ray.stages.shard_plan import PlannedTrack, ShardPlan

Span = tuple[float, float]

# Every so many detection intervals of the analysis, in frames that it did not look at; and where
# there is doubt, in each one.
_SEARCH_EVERY: Final = 3
# A second scale, in every so many of these frames.
_CLOSELY_EVERY: Final = 2
# Doubt spreads over so many detection intervals around a head without a mesh: it was in motion
# blur, out of focus, or turned away, which is where detectors lose a head before and after, too.
_DOUBT_AROUND: Final = 2


class SearchedFrames:
    """Says which frames are to be searched.

    Args:
        plan: what is drawn in the shard.
        detect_every: frames between two detections of the analysis.
        frame_pts: duration of a frame.
        earlier: pts of the frames that an earlier round searched: they are searched in any case.
        closer: search every frame around the plan's patches, too. A patch is a face that the
            analysis missed, and it has moved between the frames that were searched.
    """

    def __init__(
        self,
        plan: ShardPlan,
        *,
        detect_every: int,
        frame_pts: float,
        earlier: I64 | None = None,
        closer: bool = False,
    ) -> None:
        self._detect_every = detect_every
        self._earlier = frozenset([] if earlier is None else earlier.tolist())
        around = detect_every * frame_pts * _DOUBT_AROUND
        self._doubts = _widened((s for t in plan.tracks for s in _unmeshed(t)), around)
        spans = [(float(p.first_pts), float(p.last_pts)) for p in plan.patches if closer]
        self._patched = _widened(spans, around)

    def __contains__(self, frame: tuple[int, int]) -> bool:
        """Tell whether a frame (its number in the shard, its pts) is to be searched."""
        number, pts = frame
        return (
            pts in self._earlier
            or self._strided(number, _SEARCH_EVERY)
            or (self._strided(number, 1) and _within(pts, self._doubts))
            or _within(pts, self._patched)
        )

    def closely(self, number: int) -> bool:
        """Tell whether to look at a second scale in the frame of that number."""
        return self._strided(number, _SEARCH_EVERY * _CLOSELY_EVERY)

    def _strided(self, number: int, intervals: int) -> bool:
        return number % (intervals * self._detect_every) == self._detect_every // 2


def _unmeshed(planned: PlannedTrack) -> Iterable[Span]:
    """Return the first and last pts of each run of a track's frames without a mesh."""
    pts, meshed = planned.track.pts, planned.track.presence > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[True], meshed, [True]]).astype(np.int8)))
    runs: npt.NDArray[np.intp] = edges.reshape(-1, 2)
    return [(float(pts[start]), float(pts[stop - 1])) for start, stop in runs.tolist()]


def _widened(spans: Iterable[Span], around: float) -> Sequence[Span]:
    """Widen spans, and join those that touch."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first - around <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], last + around)
        else:
            joined.append((first - around, last + around))
    return joined


def _within(pts: int, spans: Sequence[Span]) -> bool:
    return any(first <= pts <= last for first, last in spans)
