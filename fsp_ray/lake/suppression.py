"""Which counts of a table must be kept back so that no small one can be worked out.

The attacker is taken to know every published count, that combinations which are not listed are
empty, and the total of every row, column and layer: from other tables, from a run's summary, or by
adding up. For him a cell that is kept back may hold what it holds in any table of whole numbers,
none negative, with the same totals. It is *protected* if these differ by k or more.

A contributor who is alone in a cell knows its count. Therefore the protection of a small cell must
not rest on other cells that hold one person ("singletons" in the literature; Hundepool et al.,
Statistical Disclosure Control, 2012, ch. 4).

Where cells are few, totals alone may give a small one away, whatever is kept back: the only cell of
its row is the row's total. Those are counted (`KeptBack.exposed`), and protected from an attacker
who knows less: first no totals within a column (months of days), in the end only the number of all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fsp_ray.lake.hypercubes import (
    FEW,
    MANY,
    Bools,
    Grid,
    Hypercubes,
    Ints,
    Protection,
    keep_back_more,
)
from fsp_ray.lake.moves import Move, Searcher

# With more small cells than that, or so many where most cells are small, what would be left of
# the table is not worth the search, which takes some seconds for as many.
_MOST_SMALL: Final = 12_000
_MANY_SMALL: Final = 2_500
_NONE: Final[Ints] = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class KeptBack:
    """What was decided.

    Attributes:
        hidden: bool[N], cells to keep back.
        small: how many of them hold less than k.
        exposed: bool[N], cells that an attacker who knows all totals can narrow down to less than
            k, or that were not shown to be safe from him.
    """

    hidden: Bools
    small: int
    exposed: Bools


def keep_back(grids: Sequence[Grid], k: int) -> KeptBack:
    """Decide which cells to keep back; the same table always gives the same answer.

    Args:
        grids: the same cells as attackers see them, who know less and less; the last one knows
            of no more than one total.
        k: counts under it are kept back.
    """
    small = grids[0].counts < k
    many = _MANY_SMALL if small.mean() > 0.5 else _MOST_SMALL
    if small.sum() > many:
        everything = np.ones_like(small)
        return KeptBack(everything, int(small.sum()), everything)
    work = _Work(small.copy(), small, np.zeros_like(small), k)
    _protect_all([_Attacker(grid, work) for grid in grids], work)
    return KeptBack(work.hidden, int(small.sum()), work.exposed)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    hidden: Bools
    small: Bools
    exposed: Bools
    k: int


def _protect_all(attackers: Sequence[_Attacker], work: _Work) -> None:
    """Protect all cells from the first attacker; those that can't be, from who knows less."""
    order = np.argsort(attackers[0].grid.counts, kind="stable")
    todo = deque((0, int(cell)) for cell in order if work.hidden[cell])
    while todo:
        level, cell = todo.popleft()
        fresh, safe = attackers[level].protect(cell)
        todo.extend((0, int(other)) for other in fresh)
        if not safe:
            work.exposed[cell] = True
            if level + 1 < len(attackers):
                todo.append((level + 1, cell))


@dataclass(frozen=True, slots=True, eq=False)
class _Attacker:
    """One attacker, and what protects cells from him."""

    grid: Grid
    work: _Work
    cubes: Hypercubes = field(init=False)
    searcher: Searcher = field(init=False)
    movable: Bools = field(init=False)
    may_be_wide: Bools = field(init=False)
    """bool[N]: False for a cell whose lines hold less than k: its interval fits into each."""

    def __post_init__(self) -> None:
        hidden, k = self.work.hidden, self.work.k
        object.__setattr__(self, "cubes", Hypercubes(self.grid, hidden, k))
        object.__setattr__(self, "searcher", Searcher(self.grid, hidden))
        object.__setattr__(self, "movable", movable(self.grid))
        room = _room(self.grid, self.movable)
        object.__setattr__(self, "may_be_wide", self.movable & (room >= k))

    def protect(self, cell: int) -> tuple[Ints, bool]:
        """Return what was kept back for a cell, and whether it is protected now."""
        if self.cubes.protected[cell]:
            return _NONE, True
        if not self.movable[cell]:
            return _NONE, False
        fresh: list[Ints] = []
        found = Protection(0, _NONE, _NONE)
        for candidates in (FEW, MANY):
            alone = bool(self.work.small[cell])
            found = self.cubes.protect(cell, alone=alone, candidates=candidates)
            fresh.append(found.fresh)
            if self.cubes.protected[cell] or (found.width and not self.may_be_wide[cell]):
                break
        else:
            fresh.append(self._search(cell, found))
        return np.concatenate(fresh), bool(self.cubes.protected[cell])

    def _search(self, cell: int, found: Protection) -> Ints:
        """Return what else was kept back for a cell that hypercubes are not enough for."""
        rests_on, used = found.rests_on, [_NONE]
        if found.width < self.work.k:
            move = self._move(cell, self.work.k, self.movable)
            if move.width < self.work.k:
                return keep_back_more(self.work.hidden, move.cells)
            used.append(move.cells)
            singles = move.cells[(self.grid.counts[move.cells] == 1) & (move.cells != cell)]
            rests_on = np.intersect1d(singles, rests_on) if found.width else singles
        if self.work.small[cell]:
            for single in rests_on:  # whoever is in it knows that it does not move
                usable = self.movable.copy()
                usable[single] = False
                move = self._move(cell, 1, usable)
                used.append(move.cells)
                if not move.width:
                    return keep_back_more(self.work.hidden, np.unique(np.concatenate(used)))
        self.cubes.protected[cell] = True
        return keep_back_more(self.work.hidden, np.unique(np.concatenate(used)))

    def _move(self, cell: int, step: int, usable: Bools) -> Move:
        """Return a move of a cell, no wider than it is among those kept back if that is dear."""
        for among in (usable & self.work.hidden, usable):
            if not self.searcher.can_do(int(among.sum())):
                break
            move = self.searcher.widest(cell, among, step)
            if move.width >= step:
                return move
        return Move(0, _NONE)


def movable(grid: Grid) -> Bools:
    """Return False for cells that the totals and the empty cells alone give away.

    That is so for a cell alone in its line, and then for those that are alone without it.
    """
    left = np.ones(len(grid.counts), bool)
    while True:
        alone = np.zeros_like(left)
        for lines in grid.lines:
            sizes = np.bincount(lines[left], minlength=len(left))
            alone |= left & (sizes[lines] == 1)
        if not alone.any():
            return left
        left &= ~alone


def _room(grid: Grid, movable: Bools) -> Ints:
    counts = np.where(movable, grid.counts, 0)
    totals = [np.bincount(lines, weights=counts)[lines] for lines in grid.lines]
    return np.min(totals, axis=0).astype(np.int64)
