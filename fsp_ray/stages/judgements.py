"""What was decided on a video after each round. Staging only: some figures are of one person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fsp_ray.audit import Patch
from fsp_ray.stages.face_trials import FaceTrial
from fsp_ray.stages.staging import Staging


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided on a video after a round: a rehearsal, or a rendering with its audit.

    Attributes:
        rehearsals: how many of the rounds so far were rehearsals; they come first.
        attempts: faces rejected so far, by person_id.
        changed: persons who have another face than in the round before.
        trials: by person_id, how the faces tried in rehearsals did.
        settled: persons whose face rehearsals change no more.
        covered: persons who get the cover instead of a face.
        patches: covers over faces that showed.
        again: ids of the shards that must be drawn again; none if the rehearsal, or the audit, is
            through.
        reason: why the video must not be published, `face_not_covered: …`; empty if it may be.
    """

    rehearsals: int = 0
    attempts: Mapping[str, int] = field(default_factory=dict[str, int])
    changed: frozenset[str] = frozenset()
    trials: Mapping[str, tuple[FaceTrial, ...]] = field(
        default_factory=dict[str, tuple[FaceTrial, ...]]
    )
    settled: frozenset[str] = frozenset()
    covered: frozenset[str] = frozenset()
    patches: tuple[Patch, ...] = ()
    again: tuple[str, ...] = ()
    reason: str = ""


def load_judgement(staging: Staging, rounds: int) -> Judgement:
    """Return what was decided after so many rounds; before the first, nothing was."""
    if rounds == 0:
        return Judgement()
    text = staging.reading(_judgement_name(rounds)).read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    return Judgement(
        rehearsals=values["rehearsals"],
        attempts=values["attempts"],
        changed=frozenset(values["changed"]),
        trials={
            person_id: tuple(FaceTrial.from_dict(trial) for trial in trials)
            for person_id, trials in values["trials"].items()
        },
        settled=frozenset(values["settled"]),
        covered=frozenset(values["covered"]),
        patches=tuple(Patch.from_dict(patch) for patch in values["patches"]),
        again=tuple(values["again"]),
        reason=values["reason"],
    )


def save_judgement(staging: Staging, rounds: int, judgement: Judgement) -> None:
    """Stage what was decided after so many rounds."""
    values = {
        "rehearsals": judgement.rehearsals,
        "attempts": dict(judgement.attempts),
        "changed": sorted(judgement.changed),
        "trials": {
            person_id: [trial.as_dict() for trial in trials]
            for person_id, trials in judgement.trials.items()
        },
        "settled": sorted(judgement.settled),
        "covered": sorted(judgement.covered),
        "patches": [patch.as_dict() for patch in judgement.patches],
        "again": judgement.again,
        "reason": judgement.reason,
    }
    with staging.writing(_judgement_name(rounds)) as path:
        path.write_text(json.dumps(values), encoding="utf-8")


def _judgement_name(rounds: int) -> str:
    return f"judgements/{rounds:03d}.json"
