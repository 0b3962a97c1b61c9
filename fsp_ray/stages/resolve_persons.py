"""RESOLVE: whose tracks these are, how old and of which gender, and which face each person gets."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

import numpy as np

from fsp_ray.core import ids
from fsp_ray.core.face_types import Person, SourceFace, SyntheticFace, TrackSummary
from fsp_ray.core.protocols import FaceGenerator
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.faces import aggregate, link_tracks
from fsp_ray.stages.archive import load_sources, load_summaries, save_faces
from fsp_ray.stages.bridges import find_bridges
from fsp_ray.stages.results import PlannedVideo, ResolvedVideo
from fsp_ray.stages.staging import PLAN_NAME, Staging, summaries_name
from fsp_ray.stages.timing import Stopwatch
from fsp_ray.synthesis import merge_sources

# More tracks than this add nothing to a mean face, and would not fit in memory for a long video.
MAX_SOURCES = 32


def resolve_persons(
    planned: PlannedVideo,
    staging: Staging,
    *,
    generator: FaceGenerator | None,
    same_person_distance: float,
    secret: bytes,
) -> ResolvedVideo:
    """Link the tracks of a video into persons and choose their faces; the plan is staged.

    Args:
        planned: the video; all of its shards are analysed.
        staging: holds the summaries, gets the plan.
        generator: makes the faces; None covers everybody instead.
        same_person_distance: of the matcher that made the embeddings.
        secret: the run's; with it the same person_id gives the same face, without it none.
    """
    watch = Stopwatch()
    with watch.part("resolve"):
        summaries = _read_summaries(planned, staging)
        by_track = {summary.track_id: summary for summary in summaries}
        groups = link_tracks(summaries, same_person_distance=same_person_distance)
        persons = tuple(
            _person(planned.info.video_id, number, [by_track[track] for track in group])
            for number, group in enumerate(_in_order(groups, by_track))
        )
    with watch.part("generate"):
        faces = (
            _choose_faces(planned, staging, persons, by_track, generator, secret)
            if generator
            else {}
        )
    header = _header(planned.info, persons, by_track)
    with staging.writing(PLAN_NAME) as path:
        save_faces(path, faces, header)
    return ResolvedVideo(planned.info.video_id, persons, watch.seconds())


def person_rng(secret: bytes, person_id: str) -> np.random.Generator:
    """Return the generator a person's face is drawn from; needs the run's secret."""
    digest = hmac.new(secret, person_id.encode("ascii"), hashlib.sha256).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _read_summaries(planned: PlannedVideo, staging: Staging) -> list[TrackSummary]:
    return [
        summary
        for shard in planned.shards
        for summary in load_summaries(staging.reading(summaries_name(shard.shard_id)))
    ]


def _in_order(
    groups: Sequence[Sequence[str]], by_track: Mapping[str, TrackSummary]
) -> list[list[str]]:
    """Sort persons by first appearance (left before right), and each one's tracks by time."""

    def key(track_id: str) -> tuple[int, float, str]:
        track = by_track[track_id]
        return track.start_pts, float(track.first_xyxy[0]), track_id

    return sorted((sorted(group, key=key) for group in groups), key=lambda group: key(group[0]))


def _person(video_id: str, number: int, tracks: Sequence[TrackSummary]) -> Person:
    read = aggregate(tracks)
    return Person(
        person_id=ids.person_id(video_id, number),
        video_id=video_id,
        track_ids=tuple(track.track_id for track in tracks),
        age_years=read.age_years if read else None,
        gender=read.gender if read else None,
        gender_confidence=read.gender_confidence if read else None,
    )


def _choose_faces(
    planned: PlannedVideo,
    staging: Staging,
    persons: Sequence[Person],
    by_track: Mapping[str, TrackSummary],
    generator: FaceGenerator,
    secret: bytes,
) -> dict[str, tuple[SyntheticFace, SourceFace]]:
    faces: dict[str, tuple[SyntheticFace, SourceFace]] = {}
    for person in persons:
        source = _source_face(planned, staging, [by_track[t] for t in person.track_ids])
        if source is None or person.age_years is None or person.gender is None:
            continue  # never seen well enough: the cover will do
        rng = person_rng(secret, person.person_id)
        face = generator.generate(person.person_id, person.age_years, person.gender, source, rng)
        faces[person.person_id] = (face, source)
    return faces


def _source_face(
    planned: PlannedVideo, staging: Staging, tracks: Sequence[TrackSummary]
) -> SourceFace | None:
    best = sorted(tracks, key=lambda t: float(t.view_weight.sum()), reverse=True)[:MAX_SOURCES]
    by_shard: dict[int, list[str]] = {}
    for track in best:
        by_shard.setdefault(track.shard_index, []).append(track.track_id)
    sources = [
        source
        for index, track_ids in sorted(by_shard.items())
        for source in load_sources(
            staging.reading(summaries_name(planned.shards[index].shard_id)), track_ids
        )
    ]
    return merge_sources(sources) if sources else None


def _header(
    info: VideoInfo, persons: Sequence[Person], by_track: Mapping[str, TrackSummary]
) -> dict[str, object]:
    bridges = {
        person.person_id: [
            bridge.as_dict()
            for bridge in find_bridges(info, [by_track[t] for t in person.track_ids])
        ]
        for person in persons
    }
    owners = {track: person.person_id for person in persons for track in person.track_ids}
    return {"owners": owners, "bridges": bridges}
