from __future__ import annotations

import itertools
from typing import Any

from fsp_ray.core.face_types import TrackSummary
from fsp_ray.faces import link_tracks

SAME = 0.5


def link(*tracks: TrackSummary) -> set[frozenset[str]]:
    return {frozenset(g) for g in link_tracks(tracks, same_person_distance=SAME)}


def persons(*groups: str) -> set[frozenset[str]]:
    return {frozenset(group) for group in groups}


def test_one_person_across_cuts_is_linked_and_two_are_not(fakes: Any) -> None:
    tracks = (
        fakes.summary("a", 0, 50, 1),
        fakes.summary("b", 50, 90, 2),
        fakes.summary("c", 90, 150, 1, box=fakes.RIGHT),
        fakes.summary("d", 150, 200, 2, box=fakes.RIGHT),
    )
    assert link(*tracks) == persons("ac", "bd")


def test_the_order_of_the_tracks_does_not_matter(fakes: Any) -> None:
    tracks = [
        fakes.summary("a", 0, 50, 1),
        fakes.summary("b", 0, 50, 2, box=fakes.RIGHT),
        fakes.summary("c", 60, 100, 1),
        fakes.summary("d", 120, 150, 3),
    ]
    results = {
        link_tracks(order, same_person_distance=SAME) for order in itertools.permutations(tracks)
    }
    assert results == {(("a", "c"), ("b",), ("d",))}


def test_two_at_one_time_are_never_one_person_however_alike(fakes: Any) -> None:
    # A picture beside its own deepfake.
    tracks = (
        fakes.summary("l", 0, 100, 1, box=fakes.LEFT),
        fakes.summary("r", 0, 100, 1, box=fakes.RIGHT),
    )
    assert link(*tracks) == persons("l", "r")


def test_side_by_side_twins_stay_apart_across_shards(fakes: Any) -> None:
    tracks = [
        fakes.summary(f"{side}{shard}", shard * 100, shard * 100 + 100, 1, box=box, shard=shard)
        for shard in range(4)
        for side, box in (("l", fakes.LEFT), ("r", fakes.RIGHT))
    ]
    groups = link_tracks(tracks, same_person_distance=SAME)
    assert {frozenset(g) for g in groups} == {
        frozenset(f"l{i}" for i in range(4)),
        frozenset(f"r{i}" for i in range(4)),
    }


def test_conflicts_are_inherited(fakes: Any) -> None:
    # b and c look like a, but were there together: only one of them can be a.
    tracks = (
        fakes.summary("a", 0, 50, 1),
        fakes.summary("b", 60, 100, 1),
        fakes.summary("c", 60, 100, 1, box=fakes.RIGHT),
    )
    groups = link(*tracks)
    assert len(groups) == 2
    assert not any({"b", "c"} <= group for group in groups)


def test_tracks_without_looks_go_with_their_neighbour_in_time_and_place(fakes: Any) -> None:
    tracks = (
        fakes.summary("a", 0, 100, 1, shard=0),
        fakes.summary("b", 100, 140, None, shard=1),
        fakes.summary("c", 100, 140, None, shard=1, box=fakes.RIGHT),
    )
    assert link(*tracks) == persons("ab", "c")


def test_a_cut_at_a_shard_border_does_not_join_strangers(fakes: Any) -> None:
    tracks = (fakes.summary("a", 0, 100, 1, shard=0), fakes.summary("b", 100, 200, 2, shard=1))
    assert link(*tracks) == persons("a", "b")


def test_a_cut_within_a_shard_does_not_join_faces_without_looks(fakes: Any) -> None:
    tracks = (fakes.summary("a", 0, 100, None), fakes.summary("b", 100, 200, None))
    assert link(*tracks) == persons("a", "b")


def test_a_cover_that_outlasts_its_face_does_not_part_it(fakes: Any) -> None:
    tracks = (fakes.summary("a", 0, 100, 1), fakes.summary("b", 97, 200, 1))
    assert link(*tracks) == persons("ab")


def test_side_views_do_not_link_where_there_are_frontal_ones(fakes: Any) -> None:
    # Half of b's views are side views in which everybody looks like person 1.
    mixed = fakes.summary("b", 60, 100, 2, views=4, frontal=[True, True, False, False])
    embeddings = mixed.embeddings.copy()
    embeddings[2:] = fakes.look(1)
    mixed = fakes.summary("b", 60, 100, 2, frontal=[True, True, False, False])
    object.__setattr__(mixed, "embeddings", embeddings)
    assert link(fakes.summary("a", 0, 50, 1), mixed) == persons("a", "b")


def test_many_tracks_of_many_persons(fakes: Any) -> None:
    tracks = [
        fakes.summary(
            f"{person}-{i}", 100 * (i * 12 + person), 100 * (i * 12 + person) + 80, person
        )
        for i in range(12)
        for person in range(12)
    ]
    groups = link_tracks(tracks, same_person_distance=SAME)
    assert len(groups) == 12
    assert all(len({name.split("-")[0] for name in group}) == 1 for group in groups)


def test_no_tracks_are_no_persons() -> None:
    assert link_tracks((), same_person_distance=SAME) == ()
