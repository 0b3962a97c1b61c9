"""Somebody who tries to work out counts that were kept back. Shares no code with what keeps them.

He knows the published counts, that what is not listed is empty, and the totals over every subset
of the columns; also of months within days, if there are days. Whole numbers, none negative.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

Groups = tuple[str | None, ...]
Key = Callable[[Groups], object]


def _month(day: str | None, _: set[str | None]) -> str | None:
    return day and day[:7]


def _folder(folder: str | None, folders: set[str | None]) -> str | None:
    if folder is None or any((f or "").startswith(folder + "/") or not folder for f in folders):
        return folder
    return folder.rpartition("/")[0]


_ABOVE = {"day": _month, "folder": _folder}


class Attacker:
    """Knows one table's totals, and what was published of it."""

    def __init__(self, groups: Sequence[Groups], counts: Sequence[int], names: Sequence[str]):
        self._counts = np.array(counts, float)
        rows = [[1.0] * len(groups)]
        rows += [row for columns in _views(names, groups) for row in _totals(groups, columns)]
        self._totals = np.array(rows)

    def width(self, cell: int, hidden: Sequence[bool], knows: Sequence[int] = ()) -> int:
        """Return how far apart the least and the most are that a hidden cell may hold."""
        low, high = (self._extreme(cell, hidden, knows, sign) for sign in (1, -1))
        return round(high - low)

    def _extreme(self, cell: int, hidden: Sequence[bool], knows: Sequence[int], sign: int) -> float:
        open_ = np.array(hidden, bool)
        open_[list(knows)] = False
        lows = np.where(open_, 0, self._counts)
        highs = np.where(open_, np.inf, self._counts)
        known = self._totals @ self._counts
        aim = np.zeros(len(self._counts))
        aim[cell] = sign
        answer: Any = milp(
            aim,
            integrality=np.ones(len(aim)),
            bounds=Bounds(lows, highs),
            constraints=LinearConstraint(self._totals, known, known),
        )
        assert answer.status == 0
        return float(answer.x[cell])


def _views(names: Sequence[str], groups: Sequence[Groups]) -> Iterator[list[Key]]:
    """Give the ways to add up, as functions of a cell's groups."""
    keys: list[Key] = []
    columns: list[Key] = []
    for place, name in enumerate(names):
        columns.append(lambda cell, place=place: cell[place])
        keys.append(columns[-1])
        if name in _ABOVE:
            values = {cell[place] for cell in groups}
            above = {value: _ABOVE[name](value, values) for value in values}
            sizes = Counter(above.values())
            # The total over one value would be that value's count itself.
            total = {value: up if sizes[up] > 1 else None for value, up in above.items()}
            keys.append(lambda cell, place=place, total=total: total[cell[place]])
    for size in range(len(keys)):
        for chosen in combinations(keys, size):
            # Columns from each of which all others follow are the table itself, not a total.
            if not all(any(_tells(key, column, groups) for key in chosen) for column in columns):
                yield list(chosen)


def _tells(one: Key, other: Key, groups: Sequence[Groups]) -> bool:
    """Return True if the other's value follows from the one's."""
    return len({(str(one(cell)), str(other(cell))) for cell in groups}) == len(
        {str(one(cell)) for cell in groups}
    )


def _totals(groups: Sequence[Groups], columns: Sequence[Key]) -> Iterator[list[float]]:
    members: defaultdict[object, set[int]] = defaultdict(set)
    for cell, group in enumerate(groups):
        members[str([column(group) for column in columns])].add(cell)
    for cells in members.values():
        yield [float(cell in cells) for cell in range(len(groups))]
