"""Persons of a video get faces that know of one another; the rejected get others, or the cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fsp_ray.core import ids
from fsp_ray.core.face_types import FaceReading, HeadView, Person, TrackSummary
from fsp_ray.stages.archive import load_faces, save_summaries, save_views
from fsp_ray.stages.bridges import save_border
from fsp_ray.stages.change_faces import Changes, change_faces
from fsp_ray.stages.choose_faces import person_rng
from fsp_ray.stages.readings import load_readings, save_readings
from fsp_ray.stages.resolve_persons import resolve_persons
from fsp_ray.stages.staging import PLAN_NAME, Staging, summaries_name, views_name
from tests.fakes.choosers import DiceChooser
from tests.fakes.faces import make_source, make_summary
from tests.unit.stages.test_resolve_persons import PLANNED, SECRET, SHARDS, VIDEO

MAX_ATTEMPTS = 2
NAMES = [ids.person_id(VIDEO, number) for number in range(3)]


def summary(shard: int, number: int, look: int, *, x: float) -> TrackSummary:
    box = (x, 10.0, x + 40, 60.0)
    return make_summary(
        ids.track_id(SHARDS[shard].shard_id, number),
        shard_index=shard,
        start_pts=100 * shard + 10,
        last_pts=100 * shard + 50,
        first_xyxy=box,
        last_xyxy=box,
        source=make_source(seed=look),
        seed=look,
    )


TRACKS = [
    summary(0, 0, 1, x=10),
    summary(0, 1, 2, x=200),
    summary(0, 2, 3, x=400),
    summary(2, 0, 1, x=10),
]


def look(shade: int, weight: float) -> HeadView:
    points = np.random.default_rng(shade).uniform(0, 30, (468, 3)).astype(np.float32)
    return HeadView(np.full((30, 30, 3), shade, np.uint8), points, weight)


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    (tmp_path / "run").mkdir()
    return fill(Staging(tmp_path / "run" / "video"))


def fill(staging: Staging) -> Staging:
    for shard in SHARDS:
        mine = [t for t in TRACKS if t.shard_index == shard.index]
        with staging.writing(summaries_name(shard.shard_id)) as path:
            save_summaries(path, mine)
        still = np.zeros((32, 32), np.float32)
        save_border(staging, shard.shard_id, still, still)
        with staging.writing(views_name(shard.shard_id)) as path:
            shades = {t.track_id: 10 * TRACKS.index(t) for t in mine}
            save_views(
                path,
                {t: [look(s + n, 1 - s / 99 - n / 9) for n in range(3)] for t, s in shades.items()},
            )
    return staging


def resolve(staging: Staging, chooser: DiceChooser) -> tuple[Person, ...]:
    return resolve_persons(
        PLANNED, staging, chooser=chooser, same_person_distance=0.4, secret=SECRET
    ).persons


def again(
    staging: Staging, rejected: dict[str, int], chooser: DiceChooser | None = None
) -> tuple[str, ...]:
    return change_faces(
        PLANNED,
        staging,
        Changes(rejected),
        chooser or DiceChooser(),
        SECRET,
        rounds=len(list(staging.root.glob("plans/*"))),
        max_attempts=MAX_ATTEMPTS,
    )


def changed(staging: Staging, changes: Changes, *, rounds: int) -> None:
    change_faces(
        PLANNED,
        staging,
        changes,
        DiceChooser(),
        SECRET,
        rounds=rounds,
        max_attempts=MAX_ATTEMPTS,
    )


def textures(staging: Staging) -> dict[str, bytes]:
    pairs, _ = load_faces(staging.reading(PLAN_NAME))
    return {person_id: face.texture.tobytes() for person_id, (face, _) in pairs.items()}


def test_each_person_keeps_away_from_those_before(staging: Staging) -> None:
    chooser = DiceChooser()
    assert len(resolve(staging, chooser)) == 3
    assert [len(asked.taken) for asked in chooser.asked] == [0, 1, 2]
    assert [asked.attempt for asked in chooser.asked] == [0, 0, 0]


def test_each_person_keeps_away_from_those_in_other_videos_of_the_run(staging: Staging) -> None:
    resolve(staging, DiceChooser())
    other, chooser = fill(Staging(staging.root.with_name("other"))), DiceChooser()
    resolve(other, chooser)
    assert [len(asked.taken) for asked in chooser.asked] == [3, 4, 5]
    first = DiceChooser()
    resolve(staging, first)  # a lost worker's video, done again: its own faces are no others
    assert [len(asked.taken) for asked in first.asked] == [3, 4, 5]


def test_a_face_that_was_tried_on_no_view_keeps_nobody_away(staging: Staging) -> None:
    save_readings(Staging(staging.root.with_name("other")), [FaceReading(()), FaceReading(())])
    assert load_readings(staging) == []


def test_faces_are_tried_on_the_best_looks_at_that_person_from_all_shards(
    staging: Staging,
) -> None:
    chooser = DiceChooser()
    resolve(staging, chooser)
    shades = [{int(view.rgb[0, 0, 0]) for view in asked.views} for asked in chooser.asked]
    assert shades[0] <= {0, 1, 2, 30, 31, 32}
    assert shades[0] & {30, 31, 32}
    assert shades[1:] == [{10, 11, 12}, {20, 21, 22}]
    for asked in chooser.asked:
        assert len(asked.views) <= 4
        assert asked.views[0].weight == max(view.weight for view in asked.views)


def test_a_rejected_person_gets_another_face_and_nobody_else_does(staging: Staging) -> None:
    resolve(staging, DiceChooser())
    before = textures(staging)
    chooser = DiceChooser()
    assert again(staging, {NAMES[1]: 1}, chooser) == ()
    after, (_, header) = textures(staging), load_faces(staging.reading(PLAN_NAME), set())
    assert after[NAMES[1]] != before[NAMES[1]]
    assert {p: after[p] for p in NAMES if p != NAMES[1]} == {
        p: before[p] for p in NAMES if p != NAMES[1]
    }
    assert header["attempts"] == {NAMES[0]: 0, NAMES[1]: 1, NAMES[2]: 0}
    assert header["covered"] == []
    (asked,) = chooser.asked
    assert (asked.person_id, asked.attempt) == (NAMES[1], 1)
    assert len(asked.taken) == 3  # the others' faces, and the rejected one
    assert set(header["owners"]) == {t.track_id for t in TRACKS}
    assert set(header["bridges"]) == set(NAMES)


def test_every_attempt_gives_another_face_and_the_same_again(staging: Staging) -> None:
    resolve(staging, DiceChooser())
    seen = [textures(staging)[NAMES[0]]]
    for attempt in (1, 2):
        again(staging, {NAMES[0]: attempt})
        seen.append(textures(staging)[NAMES[0]])
    assert len(set(seen)) == 3
    again(staging, {NAMES[0]: 1})
    assert textures(staging)[NAMES[0]] == seen[1]


def test_who_was_rejected_too_often_is_covered(staging: Staging) -> None:
    resolve(staging, DiceChooser())
    before = textures(staging)
    chooser = DiceChooser()
    assert again(staging, {NAMES[0]: MAX_ATTEMPTS + 1, NAMES[2]: 1}, chooser) == (NAMES[0],)
    after, (_, header) = textures(staging), load_faces(staging.reading(PLAN_NAME), set())
    assert set(after) == {NAMES[1], NAMES[2]}
    assert after[NAMES[1]] == before[NAMES[1]]
    assert after[NAMES[2]] != before[NAMES[2]]
    assert header["covered"] == [NAMES[0]]
    assert header["attempts"][NAMES[0]] == MAX_ATTEMPTS + 1
    assert [asked.person_id for asked in chooser.asked] == [NAMES[2]]


def test_without_a_chooser_the_rejected_are_covered(staging: Staging) -> None:
    resolve(staging, DiceChooser())
    changes = Changes({NAMES[1]: 1})
    covered = change_faces(
        PLANNED, staging, changes, None, SECRET, rounds=0, max_attempts=MAX_ATTEMPTS
    )
    assert covered == (NAMES[1],)
    assert set(textures(staging)) == {NAMES[0], NAMES[2]}


def test_a_face_is_made_at_another_age_and_taken_back(staging: Staging) -> None:
    resolve(staging, DiceChooser())
    first = textures(staging)
    changed(staging, Changes({NAMES[0]: 1}, {NAMES[1]: 61.0}), rounds=0)
    pairs, header = load_faces(staging.reading(PLAN_NAME))
    assert pairs[NAMES[1]][0].age_years == 61.0
    assert textures(staging)[NAMES[0]] != first[NAMES[0]]
    changed(staging, Changes(restored={NAMES[0]: 0, NAMES[1]: 0}), rounds=1)
    pairs, header = load_faces(staging.reading(PLAN_NAME))
    assert textures(staging) == first
    assert pairs[NAMES[1]][0].age_years != 61.0
    assert header["attempts"][NAMES[0]] == 1


def test_a_lost_workers_change_is_done_again_from_the_same_plan(staging: Staging) -> None:
    resolve(staging, DiceChooser())
    once = Changes({NAMES[0]: 1}, {NAMES[1]: 61.0})
    changed(staging, once, rounds=0)
    after = textures(staging)
    changed(staging, once, rounds=0)
    assert textures(staging) == after


def test_nobody_is_changed_in_two_ways() -> None:
    with pytest.raises(ValueError, match="one change"):
        Changes({"p": 1}, {"p": 30.0})


def test_a_person_without_a_face_cannot_be_rejected(staging: Staging) -> None:
    resolve(staging, DiceChooser())
    before = textures(staging)
    with pytest.raises(ValueError, match="no face"):
        again(staging, {ids.person_id(VIDEO, 7): 1})
    assert textures(staging) == before


def test_dice_differ_by_attempt_person_and_secret() -> None:
    def draw(secret: bytes, number: int, attempt: int) -> int:
        rng = person_rng(secret, ids.person_id(VIDEO, number), attempt)
        return int(rng.integers(1 << 60))

    drawn = [draw(SECRET, 0, 0), draw(SECRET, 0, 1), draw(SECRET, 0, 2), draw(SECRET, 1, 1)]
    drawn.append(draw(b"another", 0, 1))
    assert len(set(drawn)) == 5
    assert draw(SECRET, 0, 1) == drawn[1]
