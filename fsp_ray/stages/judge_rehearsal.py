"""What rehearsals mean for the faces of a video: which are changed, and which stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fsp_ray.audit import Findings
from fsp_ray.core.face_types import Person
from fsp_ray.stages.archive import load_faces
from fsp_ray.stages.audit_findings import Looks
from fsp_ray.stages.change_faces import Changes
from fsp_ray.stages.face_trials import FaceTrial, best, next_age_years
from fsp_ray.stages.judgements import Judgement
from fsp_ray.stages.staging import Staging

Trials = Mapping[str, tuple[FaceTrial, ...]]


@dataclass(frozen=True, slots=True)
class Casting:
    """Who wears what after a rehearsal.

    Attributes:
        changes: to the plan.
        trials: by person_id, all so far.
        settled: persons whose face stays, for as long as rehearsals go.
    """

    changes: Changes = field(default_factory=Changes)
    trials: Trials = field(default_factory=dict[str, tuple[FaceTrial, ...]])
    settled: frozenset[str] = frozenset()

    @property
    def retried(self) -> frozenset[str]:
        """Persons whose new face is to be rehearsed."""
        return frozenset(self.changes.rejected.keys() | self.changes.aged.keys())


def cast_faces(
    findings: Mapping[str, Findings],
    looks: Mapping[str, Looks],
    persons: Mapping[str, Person],
    before: Judgement,
    staging: Staging,
    *,
    rounds: int,
    max_retries: int,
) -> Casting:
    """Decide on the faces of a video after a rehearsal.

    A face that the auditor or the judges take for the person's is rejected while there are
    retries; one that reads too old or too young is made at another age. Then the best of all
    that were tried stays. The judges may be heard here: an audit follows, and it hears the auditor
    alone.

    Args:
        findings, looks: of each person, by person_id.
        persons: by person_id.
        before: what was decided before.
        staging: holds the plan.
        rounds: judgements before this one.
        max_retries: faces that may be rejected for a person.
    """
    asked = _asked_years(staging, rounds)
    trials, settled = dict(before.trials), set(before.settled)
    rejected: dict[str, int] = {}
    aged: dict[str, float] = {}
    restored: dict[str, int] = {}
    for person_id in sorted(findings.keys() & asked.keys() - before.settled):
        attempt, age_years = before.attempts.get(person_id, 0), persons[person_id].age_years
        trial = FaceTrial.of(
            findings[person_id],
            looks[person_id],
            rounds=rounds,
            attempt=attempt,
            asked_years=asked[person_id],
        )
        mine = trials[person_id] = (*trials.get(person_id, ()), trial)
        if trial.rejected and attempt < max_retries:
            rejected[person_id] = attempt + 1
        elif age_years is not None and (years := next_age_years(mine, age_years)) is not None:
            aged[person_id] = years
        else:
            settled.add(person_id)
            winner = trial if age_years is None else best(mine, age_years)
            if winner is not trial:
                restored[person_id] = winner.rounds
    return Casting(Changes(rejected, aged, restored), trials, frozenset(settled))


def _asked_years(staging: Staging, rounds: int) -> dict[str, float]:
    """Return at which age the faces were made that a round drew, by person_id."""
    _, header = load_faces(staging.plan_of(rounds), set())
    return {values["person_id"]: values["age_years"] for values in header["persons"]}
