"""Figures from readings that were made up."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from fsp_ray.audit.evaluation.attacks import MIN_PEOPLE, attacked, linked
from fsp_ray.audit.evaluation.cells import FEW_NOTE, group_size
from fsp_ray.audit.evaluation.figures import Gallery, ages, distinct, kept, reidentified
from fsp_ray.audit.evaluation.readings import People, Readings, rows_by_group, size_group
from fsp_ray.audit.evaluation.reference import Reference
from fsp_ray.audit.evaluation.results import Evaluation


def _units(rng, *shape: int):
    vectors = rng.normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@dataclasses.dataclass
class Recogniser:
    same_person_distance: float = 0.1
    dimensions: int = 24

    def embed(self, rgb, landmarks):
        raise NotImplementedError


@pytest.fixture
def reference() -> Reference:
    vectors = {"j": _units(np.random.default_rng(9), 120, 24)}
    return Reference.of(vectors, np.ones(120, np.bool_), {"j": Recogniser()})


def _readings(ages_, female) -> Readings:
    flags = np.ones(len(ages_), np.bool_)
    return Readings(
        {"j": _units(np.random.default_rng(0), len(ages_), 24)},
        np.float32(ages_),
        np.array(female),
        flags,
        flags,
        ~flags,
    )


def test_known_kept() -> None:
    people = People(
        np.float32([30, 8, 70, 40]), ("female", "male", "male", "female"), np.float32([99] * 4)
    )
    before = _readings([33, 9, 60, 44], [True, False, False, False])
    after = _readings([35, 12, 60, 40], [True, True, False, False])
    everybody = kept(people, before, after, np.arange(4))
    assert (everybody.gender.hits, everybody.gender.n) == (3, 4)
    assert everybody.age_group.hits == 3  # 33 -> 35 crosses
    assert everybody.age_moved_mean_abs == pytest.approx((2 + 3 + 0 + 4) / 4)
    assert everybody.age_moved_mean == pytest.approx((2 + 3 + 0 - 4) / 4)
    assert everybody.age_error_before == pytest.approx((3 + 1 + 10 + 4) / 4)
    assert everybody.age_error_after == pytest.approx((5 + 4 + 10 + 0) / 4)
    assert everybody.gender_right_before.hits == 3
    assert everybody.gender_right_after.hits == 2
    assert kept(people, before, after, np.array([], np.int64)).age_moved_mean is None
    table = np.array(ages(before, after, np.arange(4)))
    assert table.sum() == 4
    assert table[6, 7] == table[1, 2] == table[12, 12] == table[8, 8] == 1


def test_the_same_is_recognised_and_the_different_is_not(reference: Reference) -> None:
    rng = np.random.default_rng(1)
    before = _units(rng, 50, 24)
    gallery, grown = Gallery(before, np.arange(50)), np.ones(50, np.bool_)
    axes = {"gender": np.array(["female", "male"] * 25)}
    same = reidentified(
        "j", "same_frame", before, before,
        gallery=gallery, grown=grown, axes=axes, reference=reference,
    )  # fmt: skip
    assert same.all.matched["0.01"].share == 1
    assert same.all.rank_1.share == 1
    assert same.all.mean_similarity == pytest.approx(1)
    assert [m.rank_1.n for m in same.groups["gender"].values()] == [25, 25]
    other = reidentified(
        "j", "other_frame", _units(rng, 50, 24), before,
        gallery=gallery, grown=grown, axes=axes, reference=reference,
    )  # fmt: skip
    assert other.all.matched["0.01"].hits <= 3
    assert other.all.rank_1.hits <= 6
    assert sum(other.histogram) == 50


def test_people_who_become_one_are_not_distinct(reference: Reference) -> None:
    rng = np.random.default_rng(2)
    before, flat = _units(rng, 10, 24), np.tile(_units(rng, 1, 24), (10, 1))
    pairs, grown = np.array([[0, 1], [2, 3], [4, 9]]), np.ones(10, np.bool_)
    found = distinct("j", before, flat, pairs=pairs, grown=grown, reference=reference)
    assert found.pairs == 3
    assert found.matched_after["0.01"].share == 1
    assert found.mean_after == pytest.approx(1)
    assert found.mean_before is not None
    assert found.mean_before < 0.6


def test_an_attack_finds_a_planted_map_and_reports_chance() -> None:
    rng = np.random.default_rng(3)
    before = _units(rng, 100, 24)
    turn, _ = np.linalg.qr(rng.normal(size=(24, 24)))
    alike = [number % 4 for number in range(100)]
    found = attacked("j", (before @ turn).astype(np.float32), before, alike, whitened=False)
    assert found is not None
    assert found.rank_1.share is not None
    assert found.rank_1.share > 0.9
    assert found.p_value < 1e-6
    assert found.chance == pytest.approx(1 / 50)
    assert found.chance_alike == pytest.approx(1 / 25)
    nothing = attacked("j", _units(rng, 100, 24), before, alike, whitened=True)
    assert nothing is not None
    assert nothing.p_value > 1e-4
    assert nothing.rank_1.hits <= 8
    few = MIN_PEOPLE - 1
    assert attacked("j", before[:few], before[:few], alike[:few], whitened=False) is None


def test_linked_runs_are_seen(reference: Reference) -> None:
    rng = np.random.default_rng(4)
    first = _units(rng, 60, 24)
    alike, grown = [number % 6 for number in range(60)], np.ones(60, np.bool_)
    same = linked("j", first, first, seen="picture", alike=alike, grown=grown, reference=reference)
    assert (same.auc, same.rank_1_alike.share) == (1, 1)
    assert same.chance_alike == pytest.approx(0.1)
    apart = linked(
        "j", first, _units(rng, 60, 24), seen="picture", alike=alike, grown=grown,
        reference=reference,
    )  # fmt: skip
    assert apart.auc is not None
    assert 0.35 < apart.auc < 0.65
    assert apart.rank_1_alike.hits <= 15


def test_groups_come_in_order() -> None:
    groups = np.array(["65+", "5-14", "0-4", "5-14"])
    assert {k: v.tolist() for k, v in rows_by_group(groups).items()} == {
        "0-4": [2],
        "5-14": [1, 3],
        "65+": [0],
    }
    assert list(rows_by_group(groups)) == ["0-4", "5-14", "65+"]
    assert [size_group(px) for px in (10, 40, 79.9, 200, 999)] == [
        "0-39", "40-79", "40-79", "160-319", "320+",
    ]  # fmt: skip


def test_an_evaluation_is_json(reference: Reference) -> None:
    evaluation = Evaluation({"seed": 1}, {"fsp_ray": "0"}, 1.23456789, notes=("a",))
    assert json.loads(json.dumps(evaluation.as_dict())) == {
        "settings": {"seed": 1},
        "versions": {"fsp_ray": "0"},
        "seconds": 1.234568,
        "faces": None,
        "clips": None,
        "notes": ["a"],
    }


def test_small_groups_are_marked() -> None:
    assert [group_size(n) for n in (0, 29, 30, 31)] == ["0\\*", "29\\*", "30", "31"]
    assert FEW_NOTE.startswith("\\*")
