"""Rows of the tables, from what the stages found. Soft attributes only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fsp_ray.core.config import RunSettings
from fsp_ray.core.face_types import Person
from fsp_ray.core.progress import VideoStatus
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.lake import SourceVideo
from fsp_ray.stages.results import RenderedShard, Row, TrackCounts


def video_row(
    source: SourceVideo, settings: RunSettings, run_id: str, *, status: VideoStatus, reason: str
) -> Row:
    """Return the row of `videos` with all that is known of any video, done or not."""
    return {
        "video_id": source.video_id,
        "source_path": source.path,
        "source_uri": source.uri,
        "status": status,
        "reason": reason,
        "fingerprint": source.fingerprint,
        "pack": settings.pack,
        "settings_hash": settings.hash,
        "run_id": run_id,
        "finished_at": datetime.now(UTC),
    }


def persons_rows(
    info: VideoInfo, persons: Sequence[Person], rendered: Sequence[RenderedShard], run_id: str
) -> tuple[Row, ...]:
    """Return a row of `persons` for each person of a video."""
    by_person: defaultdict[str, list[TrackCounts]] = defaultdict(list)
    for shard in rendered:
        for counts in shard.tracks:
            by_person[counts.person_id].append(counts)
    return tuple(_person_row(info, p, by_person[p.person_id], run_id) for p in persons)


def _person_row(info: VideoInfo, person: Person, tracks: Sequence[TrackCounts], run_id: str) -> Row:
    return {
        "video_id": info.video_id,
        "run_id": run_id,
        "person_id": person.person_id,
        "first_seen_s": info.seconds(min(t.start_pts for t in tracks)),
        "last_seen_s": _end_s(info, max(t.last_pts for t in tracks)),
        "visible_s": sum(_end_s(info, t.last_pts) - info.seconds(t.start_pts) for t in tracks),
        "num_frames": sum(t.num_frames for t in tracks),
        "age_years": _rounded(person.age_years, 1),
        "age_std_years": _rounded(person.age_std_years, 1),
        "age_group": person.age_group,
        "gender": person.gender,
        "gender_confidence": _rounded(person.gender_confidence, 3),
        "median_face_px": _weighted(tracks, "median_face_px"),
        "replaced": "synthetic" if any(t.swapped_frames for t in tracks) else "cover",
    }


def tracks_rows(info: VideoInfo, rendered: Sequence[RenderedShard], run_id: str) -> tuple[Row, ...]:
    """Return a row of `tracks` for each trajectory; those cut by a shard border are one again."""
    return tuple(
        {
            "video_id": info.video_id,
            "run_id": run_id,
            "track_id": track.track_id,
            "person_id": track.person_id,
            "start_s": info.seconds(track.start_pts),
            "end_s": _end_s(info, track.last_pts),
            "num_frames": track.num_frames,
            "swapped_frames": track.swapped_frames,
            "covered_frames": track.covered_frames,
            "interpolated_frames": track.interpolated_frames,
            "mean_det_score": round(track.mean_det_score, 4),
            "median_face_px": round(track.median_face_px, 1),
        }
        for track in _joined(info, rendered)
    )


def _joined(info: VideoInfo, rendered: Sequence[RenderedShard]) -> Iterator[TrackCounts]:
    """Join tracks of one person that end and start at the same shard border."""
    frame_pts = 1 / float(info.frame_rate * info.time_base)
    tracks = sorted(
        ((shard.index, counts) for shard in rendered for counts in shard.tracks),
        key=lambda item: (item[1].person_id, item[1].start_pts),
    )
    current: TrackCounts | None = None
    index = 0
    for shard_index, track in tracks:
        index, before = shard_index, index
        if (
            current is not None
            and current.person_id == track.person_id
            and before + 1 == shard_index  # within a shard, it is a cut that ended the one before
            and 0 < track.start_pts - current.last_pts <= 1.5 * frame_pts
        ):
            current = _join(current, track)
            continue
        if current is not None:
            yield current
        current = track
    if current is not None:
        yield current


def _end_s(info: VideoInfo, last_pts: int) -> float:
    """End of a frame; of a video of uneven frames, by their mean length, but not beyond its end."""
    return min(info.seconds(last_pts) + 1 / float(info.frame_rate), info.duration_s)


def _join(a: TrackCounts, b: TrackCounts) -> TrackCounts:
    return replace(
        a,
        last_pts=b.last_pts,
        num_frames=a.num_frames + b.num_frames,
        swapped_frames=a.swapped_frames + b.swapped_frames,
        covered_frames=a.covered_frames + b.covered_frames,
        interpolated_frames=a.interpolated_frames + b.interpolated_frames,
        mean_det_score=_weighted((a, b), "mean_det_score"),
        median_face_px=_weighted((a, b), "median_face_px"),
    )


def _weighted(tracks: Sequence[TrackCounts], name: str) -> float:
    """Mean of a track's figure over its frames."""
    total = sum(t.num_frames for t in tracks)
    return round(sum(getattr(t, name) * t.num_frames for t in tracks) / total, 4)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
