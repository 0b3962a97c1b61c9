"""Which totals those may know who try to work out a count that was kept back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from fsp_ray.lake.hypercubes import Grid, Ints

Group = str | None


def attackers(
    columns: Sequence[Sequence[Group]], persons: Ints, names: Sequence[str]
) -> list[Grid]:
    """Return the cells as those see them who know all totals, those of `names`, the sum of all.

    Args:
        columns: for each dimension the cells' groups; no two cells have the same.
        persons: i64[N], how many each holds.
        names: of the dimensions.
    """
    coded = [_coded(column) for column in columns]
    kept, nested = _independent([codes for _, codes in coded])
    coords = np.stack([coded[place][1] for place in kept], axis=1)
    plain = [nested[place] for place in kept]
    within = [
        _numbered(zip(_parents(names[place], coded[place][0]), groups.tolist(), strict=True))
        for place, groups in zip(kept, plain, strict=True)
    ]
    everybody = np.arange(len(persons))[:, None]
    seen = [
        Grid(persons, coords, tuple(within)),
        Grid(persons, coords, tuple(plain)),
        Grid(persons, everybody, (np.zeros(len(persons), np.int64),)),
    ]
    return [grid for place, grid in enumerate(seen) if place == 0 or _differ(seen[place - 1], grid)]


def _differ(one: Grid, other: Grid) -> bool:
    return one.lines.shape != other.lines.shape or bool((one.lines != other.lines).any())


def _independent(columns: Sequence[Ints]) -> tuple[list[int], dict[int, Ints]]:
    """Tell columns that stand for themselves from those that follow from another.

    A day's month follows from the day. With day and month in a table there are no rows of a month
    across days, but totals of days within a month; also where the data alone make it so, like a
    folder for each month.

    Returns:
        The places of columns to keep; and for each i64[values], the groups of its values of which
        there are totals, by what follows from it.
    """
    kept = list(range(len(columns)))
    for place in reversed(range(len(columns))):
        others = [other for other in kept if other != place]
        if any(_follows(columns[place], columns[other]) for other in others):
            kept = others
    groups: dict[int, Ints] = {}
    for place in kept:
        codes = columns[place]
        first = np.unique(codes, return_index=True)[1]
        follow = [
            columns[other][first].tolist()
            for other in range(len(columns))
            if other not in kept
            and _follows(columns[other], codes)
            and not _follows(codes, columns[other])  # else it is the same column again
        ]
        groups[place] = _numbered(zip(*follow, strict=True) if follow else [()] * len(first))
    return kept, groups


def _follows(one: Ints, other: Ints) -> bool:
    """Return True if each value of `other` goes with one value of `one`."""
    pairs = one * (int(other.max(initial=0)) + 1) + other
    return len(np.unique(pairs)) == len(np.unique(other))


def _parents(name: str, values: Sequence[Group]) -> list[Group]:
    """Return what the values of a dimension add up to within it: months, folders."""
    if name == "day":
        parents = [None if value is None else value[:7] for value in values]
    elif name == "folder":
        named = [value for value in values if value is not None]
        above = {folder for value in named for folder in _above(value)}
        parents = [
            value if value is None or value in above else next(_above(value), None)
            for value in values
        ]
    else:
        return [None] * len(values)
    # The total of one value is no total.
    sizes = Counter(parents)
    return [parent if sizes[parent] > 1 else None for parent in parents]


def _above(folder: str) -> Iterator[str]:
    """Give the folders that a folder lies in, the nearest first."""
    while folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _coded(values: Sequence[Group]) -> tuple[list[Group], Ints]:
    """Return the values that there are, and the place of each cell's among them."""
    places: dict[Group, int] = {}
    codes = [places.setdefault(value, len(places)) for value in values]
    return list(places), np.array(codes, np.int64)


def _numbered(keys: Iterable[object]) -> Ints:
    """Return equal numbers, from 0, for equal keys."""
    places: dict[object, int] = {}
    return np.array([places.setdefault(key, len(places)) for key in keys], np.int64)
