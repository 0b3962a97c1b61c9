"""What is kept back can't be worked out by an attacker who solves for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from fsp_ray.lake.attackers import attackers
from fsp_ray.lake.suppression import KeptBack, keep_back
from tests.fakes.attackers import Attacker, Groups

VALUES: dict[str, tuple[str | None, ...]] = {
    "age_group": ("5-14", "25-34", "65+", None),
    "gender": ("female", "male", None),
    "day": ("2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02", None),
    "month": ("2026-01", "2026-02", "2026-03"),
    "folder": ("", "cam", "cam/1", "cam/2", "gate"),
}

Cells = dict[Groups, int]


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[str, ...], Cells]:
    """Draw up to 24 cells by one to four columns, most of them with few persons."""
    names = tuple(draw(st.permutations(sorted(VALUES))))[: draw(st.integers(1, 4))]
    counts = st.one_of(st.integers(0, 3), st.integers(0, 30))
    sizes = [draw(st.integers(1, len(VALUES[name]))) for name in names]
    possible = list(
        product(*(VALUES[name][:size] for name, size in zip(names, sizes, strict=True)))
    )
    if {"day", "month"} <= set(names):
        day, month = names.index("day"), names.index("month")
        possible = [g for g in possible if (g[day] or "2026-03")[:7] == g[month]]
    assume(possible)
    chosen = draw(st.permutations(possible))[:24]
    cells = {groups: draw(counts) for groups in chosen}
    return names, {groups: count for groups, count in cells.items() if count}


def kept(names: Sequence[str], cells: Cells, k: int) -> KeptBack:
    columns = [list(column) for column in zip(*cells, strict=True)]
    return keep_back(attackers(columns, np.array(list(cells.values())), names), k)


def give_aways(names: Sequence[str], cells: Cells, k: int, result: KeptBack) -> list[str]:
    """Return what an attacker finds out that he should not, and what is said wrongly of it."""
    counts = list(cells.values())
    attacker = Attacker(list(cells), counts, names)
    hidden, everything = result.hidden.tolist(), [True] * len(counts)
    alone = [cell for cell, count in enumerate(counts) if count == 1]
    found: list[str] = []
    for cell in np.flatnonzero(result.hidden):
        width = attacker.width(cell, hidden)
        others = [single for single in alone if single != cell and counts[cell] < k]
        by_one = [attacker.width(cell, hidden, [single]) for single in others]
        if not result.exposed[cell]:
            if width < k:
                found.append(f"{cell} lies within {width}")
            if 0 in by_one:
                found.append(f"{cell} is known to one who is alone")
            continue
        best = attacker.width(cell, everything)
        best_by_one = [attacker.width(cell, everything, [single]) for single in others]
        if best >= k and 0 not in best_by_one:
            found.append(f"{cell} could be protected, with {best}")
        if best and not width:
            found.append(f"{cell} is known, and need not be")
    return found


@settings(max_examples=40)
@given(tables(), st.integers(2, 6))
@example((("day", "month"), {("2026-01-31", "2026-01"): 1, ("2026-02-01", "2026-02"): 2}), 2)
def test_an_attacker_who_knows_all_totals_learns_no_count(
    table: tuple[tuple[str, ...], Cells], k: int
) -> None:
    names, cells = table
    assume(cells)
    result = kept(names, cells, k)
    counts = np.array(list(cells.values()))
    assert result.hidden[counts < k].all()
    assert result.small == (counts < k).sum()
    assert not result.exposed[~result.hidden].any()
    if not result.small:
        assert not result.hidden.any()
    assert give_aways(names, cells, k, result) == []


def test_the_attacker_gets_at_small_counts_where_nothing_else_is_kept_back() -> None:
    names = ("age_group", "gender")
    cells = dict.fromkeys(product(VALUES["age_group"], VALUES["gender"]), 20)
    cells["65+", "male"] = 3
    counts = np.array(list(cells.values()))
    bare = KeptBack(counts < 5, 1, np.zeros(len(counts), bool))
    assert len(give_aways(names, cells, 5, bare)) == 1
    result = kept(names, cells, 5)
    assert (result.hidden.sum(), result.exposed.sum()) == (4, 0)
    assert give_aways(names, cells, 5, result) == []


def test_one_who_is_alone_does_not_give_the_next_one_away() -> None:
    """Two cells with one person each would do against strangers, not against one of the two."""
    cells: Cells = {("female",): 1, ("male",): 1, (None,): 30}
    assert kept(("gender",), cells, 2).hidden.all()
    counts = np.array([1, 1, 30])
    bare = KeptBack(counts < 2, 2, np.zeros(3, bool))
    assert len(give_aways(("gender",), cells, 2, bare)) == 2


def test_no_more_than_needed_is_kept_back_in_one_column() -> None:
    cells: Cells = {(f"cam {number}",): count for number, count in enumerate([30, 3, 9, 20, 8])}
    assert kept(("folder",), cells, 5).hidden.tolist() == [False, True, False, False, True]


def test_a_cell_alone_in_its_row_is_said_to_be_exposed_and_hidden_from_others() -> None:
    """Whoever knows how many persons the folder has needs no table."""
    cells: Cells = {
        (day, folder): 40 for day in ("2026-01-30", "2026-01-31") for folder in ("cam", "gate")
    }
    cells["2026-02-02", "shed"] = 2
    cells["2026-02-01", "cam"] = 9
    result = kept(("day", "folder"), cells, 5)
    assert result.exposed.sum() >= 1
    assert result.exposed[4]
    assert result.hidden.sum() >= 2  # the sum of all does not give it away
    assert give_aways(("day", "folder"), cells, 5, result) == []


def test_what_follows_from_another_column_is_no_column_of_its_own() -> None:
    """With days and their months in a table, a day is no more exposed than without."""
    days = [f"2026-01-{day:02d}" for day in range(1, 20)] + ["2026-02-01", "2026-02-02"]
    cells: Cells = {(day, day[:7]): 20 for day in days}
    cells["2026-01-05", "2026-01"] = 2
    result = kept(("day", "month"), cells, 5)
    assert (result.hidden.sum(), result.exposed.sum()) == (2, 0)
    assert give_aways(("day", "month"), cells, 5, result) == []


def test_the_only_two_days_of_a_month_go_together() -> None:
    """The months are another table: 2026-02 less the day that is shown would be the other."""
    cells: Cells = {(f"2026-01-{day:02d}",): 6 for day in range(1, 20)}
    cells |= {("2026-02-01",): 2, ("2026-02-02",): 50}
    result = kept(("day",), cells, 5)
    assert [groups for groups, hidden in zip(cells, result.hidden, strict=True) if hidden] == [
        ("2026-02-01",),
        ("2026-02-02",),
    ]


def test_the_same_table_gives_the_same_answer() -> None:
    dice = np.random.default_rng(3)
    cells: Cells = {
        groups: int(dice.gamma(1, 12)) + 1
        for groups in product(VALUES["age_group"], VALUES["gender"], VALUES["folder"])
    }
    first, again = kept(("age_group", "gender", "folder"), cells, 5), None
    again = kept(("age_group", "gender", "folder"), cells, 5)
    assert (first.hidden == again.hidden).all()


def test_a_year_of_days_and_a_hundred_folders() -> None:
    """As large as it gets; a second or two. The hypercubes' corners are checked by adding up."""
    dice = np.random.default_rng(0)
    days = [str(np.datetime64("2026-01-01") + day) for day in range(365)]
    cells: Cells = {
        (day, f"cam{folder:03d}"): int(count)
        for folder in range(100)
        for day, count in zip(days, dice.gamma(1, 27, 365).astype(int), strict=True)
        if count
    }
    result = kept(("day", "folder"), cells, 5)
    counts = np.array(list(cells.values()))
    assert result.hidden[counts < 5].all()
    assert not result.exposed.any()
    assert counts[~result.hidden].sum() > 0.9 * counts.sum()
    for place, size in ((0, 12), (1, 100)):  # no line with one hidden cell, nor with less than k
        keys = [groups[place] for groups in cells]
        sums: dict[object, list[int]] = {}
        for key, count, hidden in zip(keys, counts, result.hidden, strict=True):
            if hidden:
                sums.setdefault(key, []).append(int(count))
        assert len(sums) >= size
        assert all(len(line) >= 2 and sum(line) >= 5 for line in sums.values())


def test_where_no_two_rows_share_two_columns_the_way_round_is_longer() -> None:
    """Six cells in a ring: no hypercube has all its corners, and yet nothing is given away."""
    ring = [("a", "x"), ("a", "y"), ("b", "y"), ("b", "z"), ("c", "z"), ("c", "x")]
    cells: Cells = dict(zip(ring, [2, 9, 9, 9, 9, 9], strict=True))
    result = kept(("age_group", "gender"), cells, 5)
    assert result.hidden.all()
    assert not result.exposed.any()
    assert give_aways(("age_group", "gender"), cells, 5, result) == []


def test_of_a_table_that_is_mostly_small_nothing_is_shown() -> None:
    cells: Cells = {(f"cam {number}",): 1 + number % 4 for number in range(2600)}
    cells["big",] = 1000
    result = kept(("folder",), cells, 5)
    assert result.hidden.all()
    assert result.exposed.all()  # nothing was shown to be safe, so that nothing is said to be
