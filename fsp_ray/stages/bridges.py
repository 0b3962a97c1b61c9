"""Covers between a person's trajectories on both sides of a shard border.

A tracker sees one shard. Where it loses a face shortly before the border and another finds it
again shortly after, the frames between would show the original: they are covered. Where only one
finds it, near the border, the other missed it: its cover goes on across the border for a while.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fsp_ray.core.face_types import F32, TrackSummary
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.faces.cuts import is_cut_between
from fsp_ray.stages.staging import Staging, border_name

MAX_GAP_S = 1.0
# A face that moved farther than its own size during the gap went through a cut, not a border.
MAX_MOVE_FACES = 1.5
# A track that starts or ends within so many frames of a border was cut off by it, and is covered
# for so many frames on its other side: the time of one detection. The cover is wider there, for
# the face moves.
BORDER_FRAMES = 5
BORDER_MARGIN = 0.15


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

    def overlaps(self, other: Bridge) -> bool:
        """Tell whether both cover a time in common."""
        return self.after_pts < other.before_pts and other.after_pts < self.before_pts


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


def find_extensions(
    info: VideoInfo,
    shards: Sequence[Shard],
    tracks: Sequence[TrackSummary],
    cuts: Container[int],
) -> dict[str, list[Bridge]]:
    """Return covers across shard borders for tracks that nothing goes on from, by track_id.

    Args:
        cuts: indices of the shards that begin with a cut: nothing goes on across these borders.
    """
    frame = 1 / float(info.frame_rate * info.time_base)
    reach = BORDER_FRAMES * frame
    found: dict[str, list[Bridge]] = {}
    for before, after in itertools.pairwise(sorted(shards, key=lambda shard: shard.index)):
        if after.index in cuts:
            continue
        border = after.start_pts
        ends = [t for t in tracks if t.shard_index == before.index and t.last_pts >= border - reach]
        starts = [
            t for t in tracks if t.shard_index == after.index and t.start_pts < border + reach
        ]
        for end in ends:
            going_on = [t.start_pts for t in starts if _near(end, t)]
            stop = min([round(border + reach), *going_on])
            if stop - end.last_pts > 1.5 * frame:
                still = _still(end.last_pts, stop, end.last_xyxy)
                found.setdefault(end.track_id, []).append(still)
        for start in starts:
            coming = [t.last_pts for t in ends if _near(t, start)]
            last = max([round(border - reach) - 1, *coming])
            if start.start_pts - last > 1.5 * frame:
                still = _still(last, start.start_pts, start.first_xyxy)
                found.setdefault(start.track_id, []).append(still)
    return found


def _near(before: TrackSummary, after: TrackSummary) -> bool:
    return _moved_faces(before.last_xyxy, after.first_xyxy) <= MAX_MOVE_FACES


def _still(after_pts: int, before_pts: int, xyxy: F32) -> Bridge:
    margin = BORDER_MARGIN * (xyxy[2:] - xyxy[:2])
    box = _four([*(xyxy[:2] - margin), *(xyxy[2:] + margin)])
    return Bridge(after_pts, before_pts, box, box)


def save_border(staging: Staging, shard_id: str, first: F32, last: F32) -> None:
    """Stage a shard's first and last frame, shrunk to f32[32, 32] each."""
    with staging.writing(border_name(shard_id)) as path, path.open("wb") as file:
        np.savez(file, allow_pickle=False, first=first, last=last)


def find_cuts(shards: Sequence[Shard], staging: Staging) -> frozenset[int]:
    """Return the indices of the shards that begin with a cut.

    Raises:
        VideoError: a staged file is missing.
    """
    ordered = sorted(shards, key=lambda shard: shard.index)
    ends = [_load_border(staging, shard.shard_id) for shard in ordered]
    return frozenset(
        shard.index
        for shard, (before, after) in zip(ordered[1:], itertools.pairwise(ends), strict=True)
        if is_cut_between(before[1], after[0])
    )


def _load_border(staging: Staging, shard_id: str) -> tuple[F32, F32]:
    with np.load(staging.reading(border_name(shard_id)), allow_pickle=False) as data:
        return data["first"], data["last"]


def _moved_faces(a: F32, b: F32) -> float:
    centers = (a[:2] + a[2:]) / 2, (b[:2] + b[2:]) / 2
    size = max(float((a[2:] - a[:2]).max()), float((b[2:] - b[:2]).max()))
    return float(np.linalg.norm(centers[0] - centers[1])) / size


def _four(xyxy: Iterable[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (float(v) for v in xyxy)
    return x1, y1, x2, y2
