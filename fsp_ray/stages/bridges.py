"""Covers between a person's trajectories on both sides of a shard border.

A tracker sees one shard. Where it loses a face shortly before the border and another finds it
again shortly after, the frames between would show the original: they are covered.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fsp_ray.core.face_types import F32, TrackSummary
from fsp_ray.core.video_types import VideoInfo

MAX_GAP_S = 1.0
# A face that moved farther than its own size during the gap went through a cut, not a border.
MAX_MOVE_FACES = 1.5


@dataclass(frozen=True, slots=True)
class Bridge:
    """Boxes for the frames strictly between two pts, moving straight from one to the other."""

    after_pts: int
    before_pts: int
    from_xyxy: tuple[float, float, float, float]
    to_xyxy: tuple[float, float, float, float]

    def box(self, pts: int) -> F32 | None:
        """Return f32[4] for a frame inside of the gap, else None."""
        if not self.after_pts < pts < self.before_pts:
            return None
        share = (pts - self.after_pts) / (self.before_pts - self.after_pts)
        start, stop = np.asarray(self.from_xyxy), np.asarray(self.to_xyxy)
        return (start + share * (stop - start)).astype(np.float32)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Bridge:
        """Read what `as_dict` gave, after JSON made lists of its tuples."""
        return cls(
            after_pts=values["after_pts"],
            before_pts=values["before_pts"],
            from_xyxy=_four(values["from_xyxy"]),
            to_xyxy=_four(values["to_xyxy"]),
        )

    def as_dict(self) -> dict[str, object]:
        """Return JSON-able values."""
        return asdict(self)


def find_bridges(info: VideoInfo, person: Sequence[TrackSummary]) -> tuple[Bridge, ...]:
    """Return the gaps at shard borders between the tracks of one person."""
    ordered = sorted(person, key=lambda track: track.start_pts)
    max_gap = MAX_GAP_S / float(info.time_base)
    return tuple(
        Bridge(
            before.last_pts,
            after.start_pts,
            _four(before.last_xyxy),
            _four(after.first_xyxy),
        )
        for before, after in itertools.pairwise(ordered)
        if before.shard_index + 1 == after.shard_index
        and 0 < after.start_pts - before.last_pts <= max_gap
        and _moved_faces(before.last_xyxy, after.first_xyxy) <= MAX_MOVE_FACES
    )


def _moved_faces(a: F32, b: F32) -> float:
    centers = (a[:2] + a[2:]) / 2, (b[:2] + b[2:]) / 2
    size = max(float((a[2:] - a[:2]).max()), float((b[2:] - b[:2]).max()))
    return float(np.linalg.norm(centers[0] - centers[1])) / size


def _four(xyxy: Iterable[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in xyxy)
    return x1, y1, x2, y2
