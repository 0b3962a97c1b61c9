"""Patches lie over what leaked, for as long as nobody looked, and don't go on for ever."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.audit import Leak, Patch, patch

BOX = (40.0, 40.0, 80.0, 90.0)


def _leak(
    pts: int, box: tuple[float, float, float, float] = BOX, person: str | None = None
) -> Leak:
    return Leak(pts, pts - 4, pts + 4, box, person)


def _covers(item: Patch, leak: Leak) -> bool:
    x1, y1, x2, y2 = item.xyxy
    a1, b1, a2, b2 = leak.xyxy
    return (
        item.first_pts <= leak.first_pts
        and leak.last_pts <= item.last_pts
        and x1 <= a1
        and y1 <= b1
        and x2 >= a2
        and y2 >= b2
    )


def test_a_leak_is_covered_to_the_frames_that_were_looked_at() -> None:
    (made,) = patch([_leak(10)], []).patches
    assert (made.first_pts, made.last_pts, made.solid) == (6, 14, False)
    assert made.xyxy == (34, 32.5, 86, 97.5)
    assert [made.covers(pts) for pts in (5, 6, 14, 15)] == [False, True, True, False]


def test_a_mosaic_that_did_not_do_becomes_solid_and_then_there_is_no_hope() -> None:
    leak = _leak(10)
    first = patch([leak], [])
    second = patch([leak], first.patches)
    assert [p.solid for p in second.patches] == [True]
    third = patch([leak], first.patches + second.patches)
    assert third.patches == ()
    assert third.hopeless == (leak,)


def test_a_leak_elsewhere_or_later_is_a_new_one() -> None:
    existing = patch([_leak(10)], []).patches
    fresh = patch([_leak(30), _leak(10, (140, 40, 180, 90))], existing)
    assert [p.solid for p in fresh.patches] == [False, False]
    assert fresh.hopeless == ()


def test_leaks_that_go_on_become_one_patch() -> None:
    moving = [_leak(10 + 2 * i, (40.0 + i, 40.0, 80.0 + i, 90.0)) for i in range(8)]
    assert len(patch(moving, []).patches) == 1


boxes = st.tuples(st.integers(0, 100), st.integers(0, 100), st.integers(5, 60), st.integers(5, 60))
leaks = st.lists(
    st.builds(
        lambda pts, before, after, b: Leak(
            pts, pts - before, pts + after, (b[0], b[1], b[0] + b[2], b[1] + b[3])
        ),
        st.integers(0, 50),
        st.integers(0, 5),
        st.integers(0, 5),
        boxes,
    ),
    max_size=12,
)


@given(leaks)
def test_every_leak_is_covered_and_three_rounds_are_enough(found: list[Leak]) -> None:
    first = patch(found, [])
    assert all(any(_covers(p, leak) for p in first.patches) for leak in found)
    second = patch(found, first.patches)
    assert all(p.solid for p in second.patches)
    third = patch(found, first.patches + second.patches)
    assert third.patches == ()
    assert len(third.hopeless) == len(found)


def test_json_and_back() -> None:

    made = Patch(1, 2, BOX, solid=True)
    assert Patch.from_dict(json.loads(json.dumps(made.as_dict()))) == made
