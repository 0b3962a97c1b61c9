from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from fsp_ray.core.face_types import TrackSummary
from fsp_ray.faces import aggregate, link_tracks

SAME = 0.5
LEFT, RIGHT = (100, 100, 180, 200), (400, 100, 480, 200)


def look(person: int, jitter: int = 0, noise: float = 0.06) -> np.ndarray:
    """Return a unit vector near the person's own."""
    own = np.random.default_rng(person).normal(0, 1, 64)
    vector = own / np.linalg.norm(own)
    vector = vector + np.random.default_rng([person, jitter + 1]).normal(0, noise, 64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def summary(
    name: str,
    start: int,
    stop: int,
    person: int | None = None,
    *,
    box: Sequence[float] = LEFT,
    last_box: Sequence[float] | None = None,
    shard: int = 0,
    views: int = 4,
    frontal: Sequence[bool] | None = None,
    age: Sequence[float] | None = None,
    female: Sequence[float] | None = None,
    weight: Sequence[float] | None = None,
) -> TrackSummary:
    views = 0 if person is None else views
    looks = [look(person or 0, start + i) for i in range(views)]
    return TrackSummary(
        track_id=name,
        shard_index=shard,
        start_pts=start * 512,
        last_pts=(stop - 1) * 512,
        first_xyxy=np.array(box, np.float32),
        last_xyxy=np.array(last_box or box, np.float32),
        num_frames=stop - start,
        median_face_px=80.0,
        mean_det_score=0.9,
        embeddings=np.array(looks, np.float32).reshape(views, 64),
        view_weight=np.array(weight if weight is not None else [1.0] * views, np.float32),
        view_frontal=np.array(frontal if frontal is not None else [True] * views, np.bool_),
        view_age_years=np.array(age if age is not None else [30.0] * views, np.float32),
        view_female=np.array(female if female is not None else [0.9] * views, np.float32),
        source=None,
    )


def link(*tracks: TrackSummary) -> set[frozenset[str]]:
    return {frozenset(g) for g in link_tracks(tracks, same_person_distance=SAME)}


def persons(*groups: str) -> set[frozenset[str]]:
    return {frozenset(group) for group in groups}


def test_one_person_across_cuts_is_linked_and_two_are_not() -> None:
    tracks = (
        summary("a", 0, 50, 1),
        summary("b", 50, 90, 2),
        summary("c", 90, 150, 1, box=RIGHT),
        summary("d", 150, 200, 2, box=RIGHT),
    )
    assert link(*tracks) == persons("ac", "bd")


def test_the_order_of_the_tracks_does_not_matter() -> None:
    tracks = [
        summary("a", 0, 50, 1),
        summary("b", 0, 50, 2, box=RIGHT),
        summary("c", 60, 100, 1),
        summary("d", 120, 150, 3),
    ]
    results = {
        link_tracks(order, same_person_distance=SAME) for order in itertools.permutations(tracks)
    }
    assert results == {(("a", "c"), ("b",), ("d",))}


def test_two_at_one_time_are_never_one_person_however_alike() -> None:
    # A picture beside its own deepfake.
    tracks = (summary("l", 0, 100, 1, box=LEFT), summary("r", 0, 100, 1, box=RIGHT))
    assert link(*tracks) == persons("l", "r")


def test_side_by_side_twins_stay_apart_across_shards() -> None:
    tracks = [
        summary(f"{side}{shard}", shard * 100, shard * 100 + 100, 1, box=box, shard=shard)
        for shard in range(4)
        for side, box in (("l", LEFT), ("r", RIGHT))
    ]
    groups = link_tracks(tracks, same_person_distance=SAME)
    assert {frozenset(g) for g in groups} == {
        frozenset(f"l{i}" for i in range(4)),
        frozenset(f"r{i}" for i in range(4)),
    }


def test_conflicts_are_inherited() -> None:
    # b and c look like a, but were there together: only one of them can be a.
    tracks = (
        summary("a", 0, 50, 1),
        summary("b", 60, 100, 1),
        summary("c", 60, 100, 1, box=RIGHT),
    )
    groups = link(*tracks)
    assert len(groups) == 2
    assert not any({"b", "c"} <= group for group in groups)


def test_tracks_without_looks_go_with_their_neighbour_in_time_and_place() -> None:
    tracks = (
        summary("a", 0, 100, 1, shard=0),
        summary("b", 100, 140, None, shard=1),
        summary("c", 100, 140, None, shard=1, box=RIGHT),
    )
    assert link(*tracks) == persons("ab", "c")


def test_a_cut_at_a_shard_border_does_not_join_strangers() -> None:
    tracks = (summary("a", 0, 100, 1, shard=0), summary("b", 100, 200, 2, shard=1))
    assert link(*tracks) == persons("a", "b")


def test_a_cut_within_a_shard_does_not_join_faces_without_looks() -> None:
    tracks = (summary("a", 0, 100, None), summary("b", 100, 200, None))
    assert link(*tracks) == persons("a", "b")


def test_a_cover_that_outlasts_its_face_does_not_part_it() -> None:
    tracks = (summary("a", 0, 100, 1), summary("b", 97, 200, 1))
    assert link(*tracks) == persons("ab")


def test_side_views_do_not_link_where_there_are_frontal_ones() -> None:
    # Half of b's views are side views in which everybody looks like person 1.
    mixed = summary("b", 60, 100, 2, views=4, frontal=[True, True, False, False])
    embeddings = mixed.embeddings.copy()
    embeddings[2:] = look(1)
    mixed = summary("b", 60, 100, 2, frontal=[True, True, False, False])
    object.__setattr__(mixed, "embeddings", embeddings)
    assert link(summary("a", 0, 50, 1), mixed) == persons("a", "b")


def test_many_tracks_of_many_persons() -> None:
    tracks = [
        summary(f"{person}-{i}", 100 * (i * 12 + person), 100 * (i * 12 + person) + 80, person)
        for i in range(12)
        for person in range(12)
    ]
    groups = link_tracks(tracks, same_person_distance=SAME)
    assert len(groups) == 12
    assert all(len({name.split("-")[0] for name in group}) == 1 for group in groups)


def test_no_tracks_are_no_persons() -> None:
    assert link_tracks((), same_person_distance=SAME) == ()


def test_age_is_the_weighted_median_and_side_views_do_not_count() -> None:
    got = aggregate(
        [
            summary("a", 0, 9, 1, age=[30, 31, 80, 5], frontal=[True, True, False, False]),
            summary("b", 9, 18, 1, age=[33, 90, 90, 90], weight=[3, 0.1, 0.1, 0.1]),
        ]
    )
    assert got is not None
    assert got.age_years == pytest.approx(33)


def test_gender_is_the_weighted_majority() -> None:
    got = aggregate(
        [summary("a", 0, 9, 1, female=[0.1, 0.1, 0.9, 0.9], weight=[1.0, 1.0, 0.2, 0.2])]
    )
    assert got is not None
    assert got.gender == "male"
    assert 0.7 < got.gender_confidence < 0.9


def test_side_views_speak_where_there_is_nothing_else() -> None:
    got = aggregate([summary("a", 0, 9, 1, age=[50] * 4, female=[0.1] * 4, frontal=[False] * 4)])
    assert got is not None
    assert got.age_years == 50
    assert got.gender == "male"


def test_a_person_never_seen_well_is_not_guessed() -> None:
    assert aggregate([summary("a", 0, 9)]) is None


def test_a_person_without_tracks_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one track"):
        aggregate([])
