"""Whose tracks these are: grouping the tracks of one video into persons."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.face_types import F32, TrackSummary
from fsp_ray.faces.geometry import box_size, iou

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# Where one track takes over from another: at most so many frames apart or together, in one place.
_ADJACENT_FRAMES: Final = 12
_SAME_PLACE_IOU: Final = 0.3
_SURE_PLACE_IOU: Final = 0.5
# Looks may differ this much more than usual where place and time say it is one person.
_ADJACENT_SLACK: Final = 0.15
_FAR: Final = 4.0


def link_tracks(
    summaries: Sequence[TrackSummary],
    *,
    same_person_distance: float,
    frame_pts: float | None = None,
) -> tuple[tuple[str, ...], ...]:
    """Group the tracks of one video into persons.

    First, tracks that take over from one another in one place, at a shard's border or after a
    gap, are joined. Then groups are merged, the nearest first, by the average distance of their
    tracks' mean embeddings (average-linkage clustering), as long as it stays under the matcher's
    threshold. Tracks seen at one time in two places are never one person.

    Args:
        summaries: of all tracks of the video.
        same_person_distance: of the matcher, 1 - cosine.
        frame_pts: pts from one frame to the next; measured on the tracks if left out.

    Returns:
        Track ids by person: persons by first appearance, tracks by time.
    """
    tracks = sorted(summaries, key=lambda s: (s.start_pts, float(s.first_xyxy[0]), s.track_id))
    if not tracks:
        return ()
    step = _frame_pts(tracks) if frame_pts is None else frame_pts
    looks = _mean_looks(tracks)
    apart = _seen_apart(tracks, step)
    groups = _join_adjacent(tracks, looks, apart, step, same_person_distance)
    groups = _Merging(groups, looks, apart).run(same_person_distance)
    groups.sort(key=min)
    return tuple(tuple(tracks[i].track_id for i in sorted(group)) for group in groups)


def _frame_pts(tracks: Sequence[TrackSummary]) -> float:
    steps = [(t.last_pts - t.start_pts) / (t.num_frames - 1) for t in tracks if t.num_frames > 1]
    return float(np.median(steps)) if steps else 1.0


def _mean_looks(tracks: Sequence[TrackSummary]) -> F64:
    """Return f64[N, D], the unit mean embedding of each track; all zero where there is none."""
    size = max(track.embeddings.shape[1] for track in tracks)
    looks = np.zeros((len(tracks), size))
    for row, track in zip(looks, tracks, strict=True):
        weight = track.view_weight.astype(np.float64)
        if track.view_frontal.any():  # the matcher was not made for side views
            weight = np.where(track.view_frontal, weight, 0)
        if weight.any():
            mean = weight @ track.embeddings.astype(np.float64)
            row[:] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return looks


def _seen_apart(tracks: Sequence[TrackSummary], step: float) -> list[set[int]]:
    """Return for each track those that were there at one time with it, in another place."""
    apart: list[set[int]] = [set() for _ in tracks]
    running: list[tuple[int, int]] = []
    for j, after in enumerate(tracks):
        while running and running[0][0] < after.start_pts:
            heapq.heappop(running)
        for _, i in running:
            if not _same_face_twice(tracks[i], after, step):
                apart[i].add(j)
                apart[j].add(i)
        heapq.heappush(running, (after.last_pts, j))
    return apart


def _same_face_twice(before: TrackSummary, after: TrackSummary, step: float) -> bool:
    """Tell whether a track's cover merely outlasts its face, which the other one took over."""
    together = min(before.last_pts, after.last_pts) - after.start_pts
    return (
        together <= _ADJACENT_FRAMES * step
        and after.last_pts > before.last_pts
        and before.start_pts < after.start_pts
        and _place_iou(before, after) >= _SAME_PLACE_IOU
    )


def _join_adjacent(
    tracks: Sequence[TrackSummary],
    looks: F64,
    apart: Sequence[set[int]],
    step: float,
    limit: float,
) -> list[list[int]]:
    """Join each track with the one it takes over from, if there is exactly one."""
    last = np.array([t.last_pts for t in tracks], dtype=np.float64)
    group = list(range(len(tracks)))
    taken: set[int] = set()
    for j, after in enumerate(tracks):
        near = np.flatnonzero(np.abs(last - after.start_pts) <= _ADJACENT_FRAMES * step)
        before = [
            i
            for i in near.tolist()
            if i not in taken
            and i not in apart[j]
            and _takes_over(tracks[i], after, step)
            and _looks_alike(looks[i], looks[j], limit, _place_iou(tracks[i], after))
        ]
        if len(before) == 1:
            taken.add(before[0])
            group[j] = group[before[0]]
    members: dict[int, list[int]] = {}
    for i, name in enumerate(group):
        members.setdefault(name, []).append(i)
    return list(members.values())


def _takes_over(before: TrackSummary, after: TrackSummary, step: float) -> bool:
    if before.start_pts >= after.start_pts:
        return False
    # Within a shard, a track that begins just where another ends begins a new shot.
    gap = (after.start_pts - before.last_pts) / step
    if before.shard_index == after.shard_index and 0.5 < gap < 1.5:
        return False
    return before.shard_index <= after.shard_index <= before.shard_index + 1


def _looks_alike(first: F64, second: F64, limit: float, place_iou: float) -> bool:
    if not (first.any() and second.any()):
        return place_iou >= _SAME_PLACE_IOU
    return place_iou >= _SURE_PLACE_IOU and 1 - float(first @ second) <= limit + _ADJACENT_SLACK


def _place_iou(before: TrackSummary, after: TrackSummary) -> float:
    first, second = before.last_xyxy[None], after.first_xyxy[None]
    sizes = float(box_size(first)[0]), float(box_size(second)[0])
    if max(sizes) > 1.8 * min(sizes):
        return 0.0
    return float(iou(first, second)[0, 0])


class _Merging:
    """Average-linkage clustering of groups, under constraints.

    The average of 1 - u·v over all pairs of two groups' unit vectors is 1 minus the product of
    the groups' mean vectors, so that sums are all that is kept of the members.
    """

    def __init__(self, groups: list[list[int]], looks: F64, apart: Sequence[set[int]]) -> None:
        self._groups = groups
        self._sums = np.stack([looks[group].sum(axis=0) for group in groups])
        self._counts = np.array([looks[group].any(axis=1).sum() for group in groups], np.float64)
        self._never = _forbidden(groups, apart)
        self._distance = np.stack([self._row(g) for g in range(len(groups))])
        self._nearest = self._distance.argmin(axis=1)

    def run(self, limit: float) -> list[list[int]]:
        """Merge until no two groups are both within `limit` and allowed; return what is left."""
        rows = np.arange(len(self._groups))
        while True:
            keep = int(self._distance[rows, self._nearest].argmin())
            gone = int(self._nearest[keep])
            if self._distance[keep, gone] > limit:
                return [group for group in self._groups if group]
            self._merge(keep, gone)

    def _row(self, g: int) -> F32:
        counts = self._counts * self._counts[g]
        mean = (self._sums @ self._sums[g]) / np.maximum(counts, 1)
        allowed = (counts > 0) & ~self._never[g]
        return np.where(allowed, 1 - mean, _FAR).astype(np.float32)

    def _merge(self, keep: int, gone: int) -> None:
        self._groups[keep] = self._groups[keep] + self._groups[gone]
        self._groups[gone] = []
        self._sums[keep] += self._sums[gone]
        self._counts[keep] += self._counts[gone]
        self._counts[gone] = 0
        self._never[keep] |= self._never[gone]
        self._never[:, keep] |= self._never[:, gone]
        for g in (gone, keep):
            self._distance[g] = self._distance[:, g] = self._row(g)
        # Only these rows can have another nearest group now.
        moved = (self._nearest == keep) | (self._nearest == gone)
        rows = np.arange(len(self._nearest))
        moved |= self._distance[:, keep] < self._distance[rows, self._nearest]
        moved[[keep, gone]] = True
        self._nearest[moved] = self._distance[moved].argmin(axis=1)


def _forbidden(groups: Sequence[Sequence[int]], apart: Sequence[set[int]]) -> Bools:
    """Return bool[G, G]: a member of one was seen apart from a member of the other."""
    owner = np.zeros(len(apart), np.int64)
    for g, group in enumerate(groups):
        owner[list(group)] = g
    never = np.eye(len(groups), dtype=np.bool_)
    for i, others in enumerate(apart):
        never[owner[i], owner[list(others)]] = True
    return never
