"""RESOLVE: whose tracks these are, how old and of which gender, and which face each person gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fsp_ray.core import ids
from fsp_ray.core.face_types import Person, TrackSummary
from fsp_ray.core.protocols import FaceChooser
from fsp_ray.faces import aggregate, link_tracks
from fsp_ray.stages.archive import load_summaries, save_faces
from fsp_ray.stages.bridges import find_bridges, find_cuts, find_extensions
from fsp_ray.stages.choose_faces import choose_faces
from fsp_ray.stages.results import PlannedVideo, ResolvedVideo
from fsp_ray.stages.staging import PLAN_NAME, Staging, summaries_name
from fsp_ray.stages.timing import Stopwatch


def resolve_persons(
    planned: PlannedVideo,
    staging: Staging,
    *,
    chooser: FaceChooser | None,
    same_person_distance: float,
    secret: bytes,
) -> ResolvedVideo:
    """Link the tracks of a video into persons and choose their faces; the plan is staged.

    Args:
        planned: the video; all of its shards are analysed.
        staging: holds the summaries, gets the plan.
        chooser: chooses the faces; None covers everybody instead.
        same_person_distance: of the matcher that made the embeddings.
        secret: the run's, from which faces are drawn; without it no face can be had again.
    """
    watch = Stopwatch()
    video_id = planned.info.video_id
    with watch.part("resolve"):
        summaries = read_summaries(planned, staging)
        by_track = {summary.track_id: summary for summary in summaries}
        groups = link_tracks(summaries, same_person_distance=same_person_distance)
        persons = tuple(
            describe_person(video_id, ids.person_id(video_id, number), [by_track[t] for t in group])
            for number, group in enumerate(_in_order(groups, by_track))
        )
    with watch.part("choose"):
        pairs = (
            choose_faces(planned, staging, persons, by_track, chooser, secret) if chooser else {}
        )
    header = _header(planned, persons, by_track, find_cuts(planned.shards, staging))
    header |= {
        "attempts": dict.fromkeys(pairs, 0),
        "covered": [p.person_id for p in persons if p.person_id not in pairs],
    }
    with staging.writing(PLAN_NAME) as path:
        save_faces(path, pairs, header)
    return ResolvedVideo(video_id, persons, watch.seconds())


def read_summaries(planned: PlannedVideo, staging: Staging) -> list[TrackSummary]:
    """Return what was kept of all tracks of a video."""
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


def describe_person(video_id: str, person_id: str, tracks: Sequence[TrackSummary]) -> Person:
    """Return the person whose tracks these are."""
    read = aggregate(tracks)
    return Person(
        person_id=person_id,
        video_id=video_id,
        track_ids=tuple(track.track_id for track in tracks),
        age_years=read.age_years if read else None,
        gender=read.gender if read else None,
        gender_confidence=read.gender_confidence if read else None,
        age_std_years=read.age_std_years if read else None,
    )


def _header(
    planned: PlannedVideo,
    persons: Sequence[Person],
    by_track: Mapping[str, TrackSummary],
    cuts: frozenset[int],
) -> dict[str, object]:
    extensions = find_extensions(planned.info, planned.shards, [*by_track.values()], cuts)
    bridges: dict[str, list[dict[str, object]]] = {}
    for person in persons:
        gaps = find_bridges(planned.info, [by_track[t] for t in person.track_ids])
        more = [e for t in person.track_ids for e in extensions.get(t, ())]
        more = [e for e in more if not any(e.overlaps(gap) for gap in gaps)]
        bridges[person.person_id] = [bridge.as_dict() for bridge in (*gaps, *more)]
    owners = {track: person.person_id for person in persons for track in person.track_ids}
    return {"owners": owners, "bridges": bridges}
