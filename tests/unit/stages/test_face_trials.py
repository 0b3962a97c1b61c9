"""What is tried next on a person, and which of the faces tried is the best."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.audit import Findings
from fsp_ray.audit.reidentify import Closeness
from fsp_ray.stages.audit_findings import Looks
from fsp_ray.stages.face_trials import MAX_LIKENESS, FaceTrial, best, next_age_years

PERSON_YEARS = 40.0


def trial(
    rounds: int = 0,
    *,
    attempt: int = 0,
    asked: float = 40.0,
    older: float = 0.0,
    spread: float = 3.0,
    likeness: float = 0.4,
    fails: bool = False,
    near: bool = False,
) -> FaceTrial:
    return FaceTrial(rounds, attempt, asked, older, spread, likeness, fails, near)


def closeness(distance: float) -> Closeness:
    return Closeness(3, distance, distance, 3 * (distance < 0.07), 0.07, 0.09, mean_matches=False)


def looks(older: list[float], likeness: list[float]) -> Looks:
    k = len(older)
    vectors = np.zeros((k, 2), np.float32)
    numbers, index = np.zeros(k, np.float32), np.zeros(k, np.int64)
    return Looks(
        index,
        index,
        vectors,
        vectors,
        np.zeros(k, np.bool_),
        numbers,
        numbers,
        np.array(older, np.float32),
        np.array(likeness, np.float32),
    )


def test_a_trial_sums_the_looks_up() -> None:
    seen = looks([-9, -5, -3, 20], [0.5, 0.6, 0.7, 0.9])
    one = FaceTrial.of(
        Findings(10, 0, True, closeness(0.2)), seen, rounds=2, attempt=1, asked_years=44
    )
    assert (one.rounds, one.attempt, one.asked_years) == (2, 1, 44)
    assert one.older_years == pytest.approx(-4)
    assert one.spread_years == pytest.approx(np.std([-9, -5, -3, 20]))
    assert one.likeness == pytest.approx(0.8)


@pytest.mark.parametrize(
    "findings",
    [
        Findings(10, 0, True),
        Findings(10, 0, True, closeness(0.05)),
        Findings(10, 0, True, closeness(0.08)),
        Findings(10, 5, True, closeness(0.2)),
    ],
)
def test_what_the_audit_would_not_pass_or_finds_near_is_rejected(findings: Findings) -> None:
    seen = looks([0, 0, 0], [0, 0, 0])
    assert FaceTrial.of(findings, seen, rounds=0, attempt=0, asked_years=40).rejected


def test_what_the_judges_nearly_know_is_rejected() -> None:
    assert trial(likeness=MAX_LIKENESS + 0.01).rejected
    assert not trial(likeness=MAX_LIKENESS).rejected


def test_what_reads_right_by_chance_is_rejected() -> None:
    assert trial(spread=12).rejected
    assert not trial(spread=5).rejected
    steady, unsteady = trial(0, spread=3), trial(1, spread=15)
    assert best([steady, unsteady], PERSON_YEARS) is steady


def test_a_face_that_reads_right_keeps_its_age() -> None:
    assert next_age_years([trial(older=1.5)], PERSON_YEARS) is None


@given(st.floats(4, 25), st.sampled_from([-1, 1]))
def test_a_face_that_reads_too_young_is_made_older_and_the_reverse(miss: float, sign: int) -> None:
    years = next_age_years([trial(older=sign * miss)], PERSON_YEARS)
    assert years is not None
    assert (years - 40) * sign < 0


def test_what_was_read_at_two_ages_says_what_lies_between() -> None:
    tried = [trial(0, asked=40, older=-10), trial(1, asked=60, older=10)]
    assert next_age_years(tried, PERSON_YEARS) == pytest.approx(50, abs=1)


def test_ages_are_tried_only_so_often() -> None:
    tried = [trial(n, asked=40 + 5 * n, older=-15) for n in range(3)]
    assert next_age_years(tried, PERSON_YEARS) is None


def test_ages_of_a_rejected_face_say_nothing_of_the_next() -> None:
    tried = [trial(n, asked=40 + 5 * n, older=-15) for n in range(3)]
    assert next_age_years([*tried, trial(3, attempt=1, older=-15)], PERSON_YEARS) is not None


def test_the_best_fails_least_then_is_known_least_at_about_the_right_age() -> None:
    known = trial(0, likeness=1.1)
    failed = trial(1, attempt=1, likeness=0.1, fails=True)
    childlike = trial(2, attempt=2, likeness=0.4, older=-20)
    fine = trial(3, attempt=2, likeness=0.5, older=-2)
    assert best([known, failed, childlike, fine], PERSON_YEARS) is fine
    assert best([known, failed], PERSON_YEARS) is known
    assert best([childlike, failed], PERSON_YEARS) is childlike


def test_of_two_as_good_the_latest_is_the_best() -> None:
    first, second = trial(0), trial(1)
    assert best([first, second], PERSON_YEARS) is second


def test_a_trial_survives_json() -> None:
    one = trial(3, attempt=2, older=-4.5, near=True)
    assert FaceTrial.from_dict(json.loads(json.dumps(one.as_dict()))) == one
