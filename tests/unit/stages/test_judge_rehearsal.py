"""Rehearsals change faces until they are good, or the best of those tried is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.audit import Findings
from fsp_ray.audit.reidentify import Closeness
from fsp_ray.core.face_types import Person
from fsp_ray.stages.audit_findings import Looks
from fsp_ray.stages.change_faces import Changes
from fsp_ray.stages.judge_rehearsal import Casting, cast_faces
from fsp_ray.stages.judgements import Judgement
from tests.fakes.films import Film

PERSON = Person("p", "v", ("p",), 33.0, "female", 0.9)
RETRIES = 2


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return Film(tmp_path)


def cast(
    film: Film,
    before: Judgement,
    *,
    older: float = 0,
    likeness: float = 0.2,
    distance: float = 0.2,
    rounds: int = 0,
) -> Casting:
    vectors, numbers = np.zeros((1, 2), np.float32), np.zeros(1, np.float32)
    index, found = np.zeros(1, np.int64), np.zeros(1, np.bool_)
    seen = [np.array([value], np.float32) for value in (older, likeness)]
    looks = Looks(index, index, vectors, vectors, found, numbers, numbers, *seen)
    close = Closeness(1, distance, distance, int(distance < 0.07), 0.07, 0.09, mean_matches=False)
    return cast_faces(
        {"p": Findings(12, 0, True, close)},
        {"p": looks},
        {"p": PERSON},
        before,
        film.clip.staging,
        rounds=rounds,
        max_retries=RETRIES,
    )


def after(casting: Casting, attempts: Mapping[str, int]) -> Judgement:
    return Judgement(attempts=attempts, trials=casting.trials, settled=casting.settled)


def test_a_good_face_stays(film: Film) -> None:
    casting = cast(film, Judgement())
    assert casting.changes == Changes()
    assert casting.settled == {"p"}
    assert len(casting.trials["p"]) == 1


def test_whoever_is_settled_is_not_judged_again(film: Film) -> None:
    casting = cast(film, Judgement(settled=frozenset({"p"})), likeness=2, distance=0.01)
    assert casting.changes == Changes()
    assert not casting.trials


def test_a_face_that_the_judges_know_is_rejected(film: Film) -> None:
    casting = cast(film, Judgement(), likeness=1.2)
    assert casting.changes == Changes(rejected={"p": 1})
    assert casting.retried == {"p"}
    assert not casting.settled


def test_a_face_that_reads_too_young_is_made_older(film: Film) -> None:
    casting = cast(film, Judgement(), older=-12)
    (asked,) = [trial.asked_years for trial in casting.trials["p"]]
    assert casting.changes.aged["p"] > asked
    assert casting.retried == {"p"}


def test_in_the_end_the_best_is_taken_back(film: Film) -> None:
    said = [0.9, 1.4, 1.2]
    before, attempts = Judgement(), dict[str, int]()
    for rounds, likeness in enumerate(said):
        casting = cast(film, before, likeness=likeness, rounds=rounds)
        attempts = {**attempts, **casting.changes.rejected}
        before = after(casting, attempts)
    assert attempts == {"p": RETRIES}
    assert casting.changes == Changes(restored={"p": 0})
    assert casting.settled == {"p"}
    assert casting.retried == frozenset()


def test_a_film_comes_to_an_end_whatever_the_judges_say(film: Film) -> None:
    film.models.matcher.match = 0.5
    judgement = film.rehearse()
    retries = film.clip.settings.audit_retries
    assert judgement.attempts == {"p": retries, "q": retries}
    assert judgement.settled == {"p", "q"}
    assert len(film.rehearsed_again) == retries + 1
    assert film.run().reason == ""
