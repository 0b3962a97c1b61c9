"""Which synthetic face each person of a video gets, tried on the person's own head."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import numpy as np

from fsp_ray.core.face_types import (
    FaceReading,
    HeadView,
    Person,
    SourceFace,
    SyntheticFace,
    TrackSummary,
)
from fsp_ray.core.protocols import FaceChooser
from fsp_ray.stages.archive import load_sources, load_views
from fsp_ray.stages.head_views import pick_views
from fsp_ray.stages.readings import load_readings, save_readings
from fsp_ray.stages.results import PlannedVideo
from fsp_ray.stages.staging import Staging, summaries_name, views_name
from fsp_ray.synthesis import merge_sources

Pairs = dict[str, tuple[SyntheticFace, SourceFace]]

# More tracks than this add nothing to a mean face, and would not fit in memory for a long video.
MAX_SOURCES = 32


def choose_faces(
    planned: PlannedVideo,
    staging: Staging,
    persons: Sequence[Person],
    by_track: Mapping[str, TrackSummary],
    chooser: FaceChooser,
    secret: bytes,
    *,
    attempts: Mapping[str, int] | None = None,
    taken: Sequence[FaceReading] = (),
) -> Pairs:
    """Choose the faces of some persons of a video, each unlike those before and in other videos.

    Args:
        planned: the video; all of its shards are analysed.
        staging: holds the summaries and views, gets the readings.
        persons: who gets a face; those never seen well enough are left out.
        by_track: the summaries of all of their tracks.
        chooser: chooses.
        secret: the run's; the faces to choose from are drawn from it, person and attempt. Which of
            them is chosen depends on the readings of other videos, too.
        attempts: how many faces of a person were rejected before; none where not named.
        taken: readings of this video's faces to keep away from, besides those of other videos.

    Returns:
        The synthetic and the source face of each, by person_id.
    """
    pairs: Pairs = {}
    elsewhere, readings = load_readings(staging), list(taken)
    for person in persons:
        tracks = [by_track[track_id] for track_id in person.track_ids]
        source = source_face(planned, staging, tracks)
        if source is None or person.age_years is None or person.gender is None:
            continue  # never seen well enough: the cover will do
        attempt = (attempts or {}).get(person.person_id, 0)
        choice = chooser.choose(
            person.person_id,
            person.age_years,
            person.gender,
            source,
            head_views(planned, staging, tracks),
            person_rng(secret, person.person_id, attempt),
            taken=[*elsewhere, *readings],
            attempt=attempt,
        )
        readings.append(choice.reading)
        pairs[person.person_id] = (choice.face, source)
    save_readings(staging, readings)
    return pairs


def person_rng(secret: bytes, person_id: str, attempt: int = 0) -> np.random.Generator:
    """Return the generator a person's face is drawn from; needs the run's secret."""
    message = f"{person_id}/{attempt}" if attempt else person_id
    digest = hmac.new(secret, message.encode("ascii"), hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def source_face(
    planned: PlannedVideo, staging: Staging, tracks: Sequence[TrackSummary]
) -> SourceFace | None:
    """Return the mean real face over a person's best tracks, None where none was seen well."""
    sources = [
        source
        for shard_id, track_ids in _by_shard(planned, tracks)
        for source in load_sources(staging.reading(summaries_name(shard_id)), track_ids)
    ]
    return merge_sources(sources) if sources else None


def head_views(
    planned: PlannedVideo, staging: Staging, tracks: Sequence[TrackSummary]
) -> tuple[HeadView, ...]:
    """Return a few good looks at a person's head, unlike one another, the best one first."""
    views: list[HeadView] = []
    for shard_id, track_ids in _by_shard(planned, tracks):
        # Picked shard by shard, so that no more than a few pictures are held at once.
        found = load_views(staging.reading(views_name(shard_id)), track_ids)
        views = list(pick_views([*views, *found]))
    return tuple(views)


def _by_shard(planned: PlannedVideo, tracks: Sequence[TrackSummary]) -> list[tuple[str, list[str]]]:
    """Return the best tracks of a person, grouped by shard."""
    best = sorted(tracks, key=lambda t: float(t.view_weight.sum()), reverse=True)[:MAX_SOURCES]
    by_shard: dict[int, list[str]] = {}
    for track in best:
        by_shard.setdefault(track.shard_index, []).append(track.track_id)
    return [(planned.shards[index].shard_id, ids) for index, ids in sorted(by_shard.items())]
