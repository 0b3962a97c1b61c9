"""Other faces for some persons: chosen anew, made at another age, taken back; or the cover."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fsp_ray.core.face_types import FaceReading, TrackSummary
from fsp_ray.core.protocols import FaceChooser
from fsp_ray.stages.archive import load_faces, save_faces
from fsp_ray.stages.choose_faces import Pairs, choose_faces, head_views
from fsp_ray.stages.resolve_persons import describe_person, read_summaries
from fsp_ray.stages.results import PlannedVideo
from fsp_ray.stages.staging import PLAN_NAME, Staging, plan_before


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be changed in a video's plan; nobody is named twice.

    Attributes:
        rejected: by person_id, how many of the person's faces have been rejected by now.
        aged: by person_id, the age in years that the same face is to be made at.
        restored: by person_id, the round whose face the person gets back.
    """

    rejected: Mapping[str, int] = field(default_factory=dict[str, int])
    aged: Mapping[str, float] = field(default_factory=dict[str, float])
    restored: Mapping[str, int] = field(default_factory=dict[str, int])

    def __post_init__(self) -> None:
        if len(self.persons) < len(self.rejected) + len(self.aged) + len(self.restored):
            raise ValueError("one change a person")

    @property
    def persons(self) -> frozenset[str]:
        """All who get another face, or the cover."""
        return frozenset(self.rejected.keys() | self.aged.keys() | self.restored.keys())


def change_faces(
    planned: PlannedVideo,
    staging: Staging,
    changes: Changes,
    chooser: FaceChooser | None,
    secret: bytes,
    *,
    rounds: int,
    max_attempts: int,
) -> tuple[str, ...]:
    """Rewrite a video's plan.

    A face chosen anew keeps away from the rejected one and from those of the others in the video.

    Args:
        planned: the video; it is resolved.
        staging: holds the summaries, views and plan, gets the new plan; the old one is kept.
        changes: for whom.
        chooser: chooses; None covers all of the rejected, and changes nothing else.
        secret: the run's.
        rounds: judgements before this one.
        max_attempts: rejections after which another face is tried; beyond them, the cover.

    Returns:
        The person_ids of those who are covered from now on.

    Raises:
        ValueError: a person has no face in the plan that could be changed.
    """
    pairs, header = load_faces(keep_plan(staging, rounds))
    unknown = changes.persons - pairs.keys()
    if unknown:
        raise ValueError(f"{min(unknown)} has no face in the plan that could be changed")
    again = {
        person_id: attempt
        for person_id, attempt in changes.rejected.items()
        if chooser is not None and attempt <= max_attempts
    }
    if chooser is not None:
        pairs = {**pairs, **_restored(staging, changes), **_aged(pairs, changes, chooser)}
    if chooser is not None and again:
        pairs = {**pairs, **_others(planned, staging, pairs, header, again, chooser, secret)}
    covered = tuple(p for p in pairs if p in changes.rejected.keys() - again.keys())
    kept = {person_id: pair for person_id, pair in pairs.items() if person_id not in covered}
    changed = {
        "owners": header["owners"],
        "bridges": header["bridges"],
        "attempts": {**header["attempts"], **changes.rejected},
        "covered": [*header["covered"], *covered],
    }
    with staging.writing(PLAN_NAME) as path:
        save_faces(path, kept, changed)
    return covered


def keep_plan(staging: Staging, rounds: int) -> Path:
    """Put a copy of the plan aside that a round drew by, and return its path.

    A lost worker's change is done again: from the same plan, not from the changed one.
    """
    plan = staging.plan_of(rounds)
    if plan == staging.root / PLAN_NAME:
        with staging.writing(plan_before(rounds)) as path:
            shutil.copyfile(plan, path)
    return staging.plan_of(rounds)


def _restored(staging: Staging, changes: Changes) -> Pairs:
    return {
        person_id: load_faces(staging.plan_of(rounds), {person_id})[0][person_id]
        for person_id, rounds in changes.restored.items()
    }


def _aged(pairs: Pairs, changes: Changes, chooser: FaceChooser) -> Pairs:
    """Return faces at other ages; those that can't be made again stay as they are."""
    made: Pairs = {}
    for person_id, years in changes.aged.items():
        face, source = pairs[person_id]
        other = chooser.at_age(face, source, years)
        if other is not None:
            made[person_id] = (other, source)
    return made


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
