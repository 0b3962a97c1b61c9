"""Protects cells of a table by hypercubes of cells that are kept back together.

A cell and another that differs from it in every column span 2^n corners. Lowering those an even
number of steps away and raising the others changes no total of a row, column or layer: so the
cell may hold as much less as the least of the former, or as much more as the least of the latter.
Several hypercubes add up. Among those that reach k, the ones are taken whose other corners hold
the fewest persons that were not kept back anyway. (S. Giessing & D. Repsilber, "Tools and
Strategies to Protect Multiple Tables with the GHQUAR Cell Suppression Engine", 2002.)
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FEW: Final = 1024
MANY: Final = 1 << 15
_SEVERAL: Final = 64  # hypercubes put together at most
_DENSE_CELLS: Final = 1 << 24
_MISSING: Final = -1
_NONE: Final[Ints] = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The cells of a table, and which of them add up to totals that an attacker knows.

    Attributes:
        counts: i64[N], each at least 1.
        coords: i64[N, n], 0-based, no two alike.
        groups: a total is known for each group of a column's values: i64[values] for each of
            the n columns. All zeros where only the whole column's total is.
    """

    counts: Ints
    coords: Ints
    groups: tuple[Ints, ...]
    lines: Ints = field(init=False)
    """i64[n, N]: cells with equal numbers in a row of it add up to a known total."""
    _strides: Ints = field(init=False)
    _place: Any = field(init=False)

    def __post_init__(self) -> None:
        if len(self.coords) != len(self.counts) or self.coords.shape[1] != len(self.groups):
            raise ValueError("a row of coords for each count, a column for each of the groups")
        if len(self.counts) and self.counts.min() < 1:
            raise ValueError("empty cells are not listed")
        sizes = [len(group) for group in self.groups]
        strides = np.cumprod([1, *sizes[:-1]]).astype(np.int64)
        keys = self.coords @ strides
        lines = [self._lines(column, keys, strides) for column in range(len(sizes))]
        object.__setattr__(self, "lines", np.array(lines, np.int64).reshape(len(sizes), len(keys)))
        object.__setattr__(self, "_strides", strides)
        object.__setattr__(self, "_place", _placer(keys, int(np.prod(sizes))))

    def _lines(self, column: int, keys: Ints, strides: Ints) -> Ints:
        values = self.coords[:, column]
        rest = keys - values * strides[column]
        groups = self.groups[column]
        both = rest * (int(groups.max(initial=0)) + 1) + groups[values]
        return np.unique(both, return_inverse=True)[1].astype(np.int64)

    def corners(self, cell: int, others: Sequence[Ints]) -> Ints:
        """Return i64[M, 2^n]: the cells of the hypercubes that are all there.

        Args:
            others: for each column, cells of the same line, whose value the corners take.
        """
        steps = [
            (self.coords[other, column] - self.coords[cell, column]) * self._strides[column]
            for column, other in enumerate(others)
        ]
        keys = np.full((1, 1), self.coords[cell] @ self._strides, np.int64)
        for step in steps:  # a column more: each cube so far, once for each step
            moved = (keys[:, None, :] + step[None, :, None]).reshape(-1, keys.shape[1])
            keys = np.concatenate([np.repeat(keys, len(step), axis=0), moved], axis=1)
        places = self._place(keys)
        return places[(places != _MISSING).all(axis=1)]


def _placer(keys: Ints, size: int) -> Any:
    """Return a function from keys to cells, `_MISSING` where there is none."""
    if size <= _DENSE_CELLS:
        table = np.full(size, _MISSING, np.int64)
        table[keys] = np.arange(len(keys))
        return table.__getitem__
    order = np.argsort(keys)
    ordered = keys[order]

    def place(wanted: Ints) -> Ints:
        at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
        return np.where(ordered[at] == wanted, order[at], _MISSING)

    return place


@dataclass(frozen=True, slots=True, eq=False)
class Protection:
    """What became of a cell.

    Attributes:
        width: of the interval that somebody can find for it, at least; up to k.
        rests_on: other cells that hold one person, who might work it out.
        fresh: cells kept back for it that were not kept back before.
    """

    width: int
    rests_on: Ints
    fresh: Ints


class Hypercubes:
    """Keeps back cells of one grid until those asked for are protected."""

    def __init__(self, grid: Grid, hidden: Bools, k: int) -> None:
        """Work on `hidden`, bool[N], in place: cells kept back so far."""
        self._grid = grid
        self._hidden = hidden
        self._k = k
        self._parity = np.array([c.bit_count() % 2 for c in range(1 << len(grid.groups))], bool)
        self._members = [_members(lines) for lines in grid.lines]
        self._single = grid.counts == 1
        self.protected = np.zeros(len(hidden), bool)

    def protect(self, cell: int, *, alone: bool, candidates: int = FEW) -> Protection:
        """Keep back what protects a cell, or as much as hypercubes can do for it.

        Args:
            alone: from a contributor who is alone in another cell, too: he must not work it out.
            candidates: hypercubes to look at, at most.
        """
        cubes = self._cubes(cell, candidates)
        if not len(cubes):
            return Protection(0, _NONE, _NONE)
        values = self._grid.counts[cubes]
        widths = values[:, ~self._parity].min(axis=1) + values[:, self._parity].min(axis=1)
        costs = (values * ~self._hidden[cubes]).sum(axis=1)
        single = self._single[cubes]
        single[:, 0] = False  # the cell itself
        order = np.lexsort((-widths, single.sum(axis=1), costs))
        wide = order[widths[order] >= self._k]
        width, used = (self._k, cubes[wide[:1]]) if len(wide) else self._several(cubes[order])
        if alone:
            used = self._without_singles(used, cubes[order])
        rests_on = self._common_singles(used) if alone else _NONE
        self.protected[cell] = width >= self._k and not len(rests_on)
        if len(wide):
            self._note_corners(used[0])
        return Protection(width, rests_on, keep_back_more(self._hidden, np.unique(used)))

    def _common_singles(self, cubes: Ints) -> Ints:
        """Return the cells that hold one person and are in all of a cell's hypercubes."""
        return functools.reduce(np.intersect1d, [c[1:][self._single[c[1:]]] for c in cubes])

    def _without_singles(self, used: Ints, cubes: Ints) -> Ints:
        """Return hypercubes and another one, such that no single cell is in all of them."""
        common = self._common_singles(used)
        if not len(common):
            return used
        apart = np.flatnonzero(~np.isin(cubes, common).any(axis=1))
        return np.concatenate([used, cubes[apart[:1]]])

    def _note_corners(self, cube: Ints) -> None:
        """Note which corners of a wide hypercube it protects, besides the cell it was made for."""
        others_alone = self._single[cube].sum() - self._single[cube] > 0
        self.protected[cube] |= (self._grid.counts[cube] >= self._k) | ~others_alone

    def _several(self, cubes: Ints) -> tuple[int, Ints]:
        """Return by how much hypercubes together move their first corner, up to k, and which."""
        used: list[Ints] = []
        moved = 0
        for lowered in (self._parity, ~self._parity):
            left = self._grid.counts.copy()
            for cube in cubes[:_SEVERAL]:
                step = int(left[cube[lowered]].min())
                if step == 0:
                    continue
                left[cube[lowered]] -= step
                left[cube[~lowered]] += step
                moved += step
                used.append(cube)
                if moved >= self._k:
                    return moved, np.array(used)
        return moved, np.array(used)

    def _cubes(self, cell: int, candidates: int) -> Ints:
        columns = range(len(self._members))
        others = [self._neighbours(cell, column) for column in columns]
        room = candidates
        for done, column in enumerate(sorted(columns, key=lambda column: len(others[column]))):
            share = int(room ** (1 / (len(others) - done)))
            others[column] = self._best(others[column], share)
            room //= max(1, len(others[column]))
        return self._grid.corners(cell, others)

    def _neighbours(self, cell: int, column: int) -> Ints:
        order, starts = self._members[column]
        line = self._grid.lines[column, cell]
        members = order[starts[line] : starts[line + 1]]
        return members[members != cell]

    def _best(self, cells: Ints, most: int) -> Ints:
        """Return the largest that are kept back anyway, then those that cost least."""
        if len(cells) <= most:
            return cells
        counts, hidden = self._grid.counts[cells], self._hidden[cells]
        return cells[np.lexsort((np.where(hidden, -counts, counts), ~hidden))[:most]]


def keep_back_more(hidden: Bools, cells: Ints) -> Ints:
    """Keep back cells, in place; return those that were not kept back before."""
    fresh = cells[~hidden[cells]]
    hidden[fresh] = True
    return fresh


def _members(lines: Ints) -> tuple[Ints, Ints]:
    """Return the cells ordered by line, and where each line begins."""
    order = np.argsort(lines, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(lines))])
    return order, starts
