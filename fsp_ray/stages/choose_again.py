"""Other faces for the persons whom the audit did not pass; in the end, the cover."""

from __future__ import annotations

from collections.abc import Mapping

from fsp_ray.core.face_types import FaceReading, TrackSummary
from fsp_ray.core.protocols import FaceChooser
from fsp_ray.stages.archive import load_faces, save_faces
from fsp_ray.stages.choose_faces import Pairs, choose_faces, head_views
from fsp_ray.stages.resolve_persons import describe_person, read_summaries
from fsp_ray.stages.results import PlannedVideo
from fsp_ray.stages.staging import PLAN_NAME, Staging


def choose_again(
    planned: PlannedVideo,
    staging: Staging,
    rejected: Mapping[str, int],
    chooser: FaceChooser | None,
    secret: bytes,
    *,
    max_attempts: int,
) -> tuple[str, ...]:
    """Rewrite a video's plan: other faces for some persons, or the cover.

    The new face keeps away from the rejected one and from those of the others in the video.

    Args:
        planned: the video; it is resolved.
        staging: holds the summaries, views and plan, gets the new plan.
        rejected: by person_id, how many of the person's faces have been rejected by now.
        chooser: chooses; None covers all of the rejected.
        secret: the run's.
        max_attempts: rejections after which another face is tried; beyond them, the cover.

    Returns:
        The person_ids of those who are covered from now on.

    Raises:
        ValueError: a rejected person has no face in the plan.
    """
    pairs, header = load_faces(staging.reading(PLAN_NAME))
    unknown = rejected.keys() - pairs.keys()
    if unknown:
        raise ValueError(f"{min(unknown)} has no face in the plan that could be rejected")
    again = {
        person_id: attempt
        for person_id, attempt in rejected.items()
        if chooser is not None and attempt <= max_attempts
    }
    if chooser is not None and again:
        pairs = {**pairs, **_others(planned, staging, pairs, header, again, chooser, secret)}
    covered = tuple(person_id for person_id in pairs if person_id in rejected.keys() - again.keys())
    kept = {person_id: pair for person_id, pair in pairs.items() if person_id not in covered}
    changed = {
        "owners": header["owners"],
        "bridges": header["bridges"],
        "attempts": {**header["attempts"], **rejected},
        "covered": [*header["covered"], *covered],
    }
    with staging.writing(PLAN_NAME) as path:
        save_faces(path, kept, changed)
    return covered


def _others(
    planned: PlannedVideo,
    staging: Staging,
    pairs: Pairs,
    header: Mapping[str, Mapping[str, str]],
    again: Mapping[str, int],
    chooser: FaceChooser,
    secret: bytes,
) -> Pairs:
    """Return new faces for some persons."""
    by_track = {summary.track_id: summary for summary in read_summaries(planned, staging)}
    tracks: dict[str, list[TrackSummary]] = {}
    for track_id, person_id in header["owners"].items():
        tracks.setdefault(person_id, []).append(by_track[track_id])
    # Taken anew from the faces in the plan, so that the rejected ones count, too.
    taken: list[FaceReading] = [
        chooser.read(*pair, head_views(planned, staging, tracks[person_id]))
        for person_id, pair in pairs.items()
    ]
    video_id = planned.info.video_id
    persons = [describe_person(video_id, person_id, tracks[person_id]) for person_id in again]
    return choose_faces(
        planned, staging, persons, by_track, chooser, secret, attempts=again, taken=taken
    )
