"""Whose tracks these are, and what is known of each person: age and gender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import Gender
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


@dataclass(frozen=True, slots=True)
class PersonAttributes:
    """What was read of a person.

    Attributes:
        age_years: weighted median over the frontal views.
        gender: weighted majority.
        gender_confidence: the winner's share, 0.5 to 1.
    """

    age_years: float
    gender: Gender
    gender_confidence: float


def aggregate(summaries: Sequence[TrackSummary]) -> PersonAttributes | None:
    """Return what the views of a person's tracks say together; None where there are no views.

    Side views count only where there is no frontal one: the estimators were not made for them.

    Raises:
        ValueError: no track.
    """
    if not summaries:
        raise ValueError("a person has at least one track")
    weight = np.concatenate([s.view_weight for s in summaries]).astype(np.float64)
    frontal = np.concatenate([s.view_frontal for s in summaries])
    age = np.concatenate([s.view_age_years for s in summaries])
    female = np.concatenate([s.view_female for s in summaries])
    usable = (weight > 0) & np.isfinite(age) & np.isfinite(female)
    if (usable & frontal).any():
        usable &= frontal
    if not usable.any():
        return None  # nothing was read, and a default in a table would pass for a reading
    share = float(np.average(female[usable], weights=weight[usable]))
    return PersonAttributes(
        age_years=float(np.clip(_weighted_median(age[usable], weight[usable]), 0, 120)),
        gender="female" if share >= 0.5 else "male",
        gender_confidence=min(max(share, 1 - share), 1.0),
    )


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
    distance = _distances(tracks)
    apart = _seen_apart(tracks, step)
    groups = _join_adjacent(tracks, distance, apart, step, same_person_distance)
    groups = _merge_nearest(groups, distance, apart, same_person_distance)
    groups.sort(key=min)
    return tuple(tuple(tracks[i].track_id for i in sorted(group)) for group in groups)


def _weighted_median(values: F32, weights: F64) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    half = cumulative[-1] / 2
    low = values[order][np.searchsorted(cumulative, half * (1 - 1e-9))]
    high = values[order][np.searchsorted(cumulative, half * (1 + 1e-9))]
    return (float(low) + float(high)) / 2


def _frame_pts(tracks: Sequence[TrackSummary]) -> float:
    steps = [(t.last_pts - t.start_pts) / (t.num_frames - 1) for t in tracks if t.num_frames > 1]
    return float(np.median(steps)) if steps else 1.0


def _distances(tracks: Sequence[TrackSummary]) -> F64:
    """Return f64[N, N] of 1 - cosine between mean embeddings; nan where a track has none."""
    means = [_mean_embedding(track) for track in tracks]
    size = next((len(mean) for mean in means if mean is not None), 1)
    stacked = np.stack([np.full(size, np.nan) if mean is None else mean for mean in means])
    return 1 - stacked @ stacked.T


def _mean_embedding(track: TrackSummary) -> F64 | None:
    """Return the unit mean over frontal views, over all views if none is; None without views."""
    weight = track.view_weight.astype(np.float64)
    if track.view_frontal.any():
        weight = np.where(track.view_frontal, weight, 0)
    if not weight.any():
        return None
    mean = weight @ track.embeddings.astype(np.float64)
    norm = float(np.linalg.norm(mean))
    return mean / norm if norm > 1e-6 else None


def _seen_apart(tracks: Sequence[TrackSummary], step: float) -> Bools:
    """Return bool[N, N]: both were there at one time, in two places."""
    start = np.array([t.start_pts for t in tracks], dtype=np.float64)
    stop = np.array([t.last_pts for t in tracks], dtype=np.float64)
    together = np.minimum(stop[:, None], stop) - np.maximum(start[:, None], start)
    apart = together >= 0
    np.fill_diagonal(apart, val=False)
    # A cover that outlasts its face a little may overlap in time the same face's next track.
    brief = apart & (together <= _ADJACENT_FRAMES * step)
    for i, j in np.argwhere(brief):
        before, after = (tracks[i], tracks[j]) if start[i] <= start[j] else (tracks[j], tracks[i])
        inside = after.last_pts <= before.last_pts
        if not inside and _place_iou(before, after) >= _SAME_PLACE_IOU:
            apart[i, j] = apart[j, i] = False
    return apart


def _join_adjacent(
    tracks: Sequence[TrackSummary], distance: F64, apart: Bools, step: float, limit: float
) -> list[list[int]]:
    """Join each track with the one it takes over from, if there is exactly one."""
    group = list(range(len(tracks)))
    taken: set[int] = set()
    for j, after in enumerate(tracks):
        before = [
            i
            for i in range(len(tracks))
            if i not in taken
            and not apart[i, j]
            and _takes_over(tracks[i], after, step)
            and _looks_alike(float(distance[i, j]), limit, _place_iou(tracks[i], after))
        ]
        if len(before) == 1:
            taken.add(before[0])
            group[j] = group[before[0]]
    members: dict[int, list[int]] = {}
    for i, name in enumerate(group):
        members.setdefault(name, []).append(i)
    return list(members.values())


def _takes_over(before: TrackSummary, after: TrackSummary, step: float) -> bool:
    gap = (after.start_pts - before.last_pts) / step
    if before.start_pts >= after.start_pts or abs(gap) > _ADJACENT_FRAMES:
        return False
    # Within a shard, a track that begins just where another ends begins a new shot.
    if before.shard_index == after.shard_index and 0.5 < gap < 1.5:
        return False
    return before.shard_index <= after.shard_index <= before.shard_index + 1


def _looks_alike(distance: float, limit: float, place_iou: float) -> bool:
    if np.isnan(distance):
        return place_iou >= _SAME_PLACE_IOU
    return place_iou >= _SURE_PLACE_IOU and distance <= limit + _ADJACENT_SLACK


def _place_iou(before: TrackSummary, after: TrackSummary) -> float:
    first, second = before.last_xyxy[None], after.first_xyxy[None]
    sizes = float(box_size(first)[0]), float(box_size(second)[0])
    if max(sizes) > 1.8 * min(sizes):
        return 0.0
    return float(iou(first, second)[0, 0])


def _merge_nearest(
    groups: list[list[int]], distance: F64, apart: Bools, limit: float
) -> list[list[int]]:
    """Merge groups by average linkage until none are both near enough and allowed."""
    member = np.zeros((len(groups), len(distance)))
    for g, group in enumerate(groups):
        member[g, group] = 1
    known = np.isfinite(distance)
    total = member @ np.where(known, distance, 0) @ member.T
    count = member @ known @ member.T
    never = (member @ apart @ member.T) > 0
    np.fill_diagonal(never, val=True)
    groups = [list(group) for group in groups]
    while True:
        mean = np.where((count > 0) & ~never, total / np.maximum(count, 1), _FAR)
        keep, gone = np.unravel_index(int(mean.argmin()), mean.shape)
        if mean[keep, gone] > limit:
            return [group for group in groups if group]
        groups[keep] += groups[gone]
        groups[gone] = []
        for matrix in (total, count):
            matrix[keep] += matrix[gone]
            matrix[:, keep] += matrix[:, gone]
        never[keep] |= never[gone]
        never[:, keep] |= never[:, gone]
        never[gone], never[:, gone] = True, True
        never[keep, keep] = True
