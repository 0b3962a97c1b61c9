"""Moves that are no hypercubes: sparse tables have longer ways round.

A move changes the cells of a table and no total that is known. The cheapest that changes one cell
by a given number is a flow of least cost (in two columns; in more, an integer programme):
M. Fischetti & J. J. Salazar, "Models and Algorithms for the 2-Dimensional Cell Suppression Problem
in Statistical Disclosure Control", 1999, take such flows as a heuristic, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fsp_ray.lake.hypercubes import Bools, Grid, Ints

# Cells times searches: a second or two at worst. A count, as is the next one, so that the answer
# never depends on the clock: two that differ could be compared.
_WORK: Final = {1: 40_000, 2: 15_000, 3: 4_000}
_WORK_IN_MORE: Final = 1_500
# Of one search in more than two columns.
_NODES: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """What a cell may differ by, and the cells that must be kept back for that."""

    width: int
    cells: Ints


class Searcher:
    """Finds moves in one grid."""

    def __init__(self, grid: Grid, hidden: Bools) -> None:
        """Prefer the cells in `hidden`, bool[N], which others change meanwhile."""
        self._grid = grid
        self._hidden = hidden
        self._work_left = _WORK.get(len(grid.groups), _WORK_IN_MORE)

    def can_do(self, cells: int) -> bool:
        """Return False if a search among some cells would take too long; count it if not."""
        if cells > self._work_left:
            return False
        self._work_left -= cells
        return True

    def widest(self, cell: int, usable: Bools, step: int) -> Move:
        """Return the move of a cell by `step`, or by as much as the table allows.

        Args:
            usable: bool[N], cells that may move.
        """
        places = np.flatnonzero(usable)
        programme = _Programme(self._grid, places, int(np.searchsorted(places, cell)))
        costs = np.where(self._hidden[places], 1e-3, self._grid.counts[places])
        up = _cheapest(programme, costs, step)
        if up is not None:
            return Move(step, places[up])
        most_up = _farthest(programme, step)
        down = min(step - most_up, _farthest(programme, -step))
        parts = [_cheapest(programme, costs, part) for part in (most_up, -down) if part]
        found = [places[part] for part in parts if part is not None]
        moved = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
        return Move(most_up + down, moved)


def _cheapest(programme: _Programme, costs: Any, step: int) -> Ints | None:
    solution = programme.solve(costs, step, step)
    return None if solution is None else np.flatnonzero(solution)


def _farthest(programme: _Programme, step: int) -> int:
    low, high = min(step, 0), max(step, 0)
    solution = programme.solve(np.zeros(programme.size), low, high, int(np.sign(step)))
    return 0 if solution is None else abs(int(solution[programme.cell]))


class _Programme:
    """Whole numbers to add to cells, such that all totals stay and no cell falls under zero."""

    def __init__(self, grid: Grid, places: Ints, cell: int) -> None:
        from scipy.sparse import csr_array, vstack  # noqa: PLC0415 - seldom needed, slow to import

        self.cell = cell
        self.size = len(places)
        self._counts = grid.counts[places].astype(float)
        # Totals of two columns make a network, whose corners are whole by themselves.
        self._whole = len(grid.groups) > 2
        totals: list[Any] = []
        for lines in grid.lines:
            rows = np.unique(lines[places], return_inverse=True)[1]
            ones = np.ones(self.size)
            totals.append(csr_array((ones, (rows, np.arange(self.size)))))
        rises = vstack(totals, format="csr")
        self._totals = vstack([rises.T, -rises.T], format="csr").T.tocsc()

    def solve(self, costs: Any, low: int, high: int, far: int = 0) -> Ints | None:
        """Return what to add to each cell, or None if nothing can be.

        Args:
            costs: of changing each cell by one.
            low, high: what may be added to the cell.
            far: 1 to add as much as possible to the cell, -1 to take.
        """
        from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - as above

        aim = np.concatenate([costs, costs])
        aim[self.cell] -= far
        aim[self.size + self.cell] += far
        most = np.concatenate([np.full(self.size, np.inf), self._counts])
        least = np.zeros(2 * self.size)
        most[self.cell] = max(high, 0)
        most[self.size + self.cell] = min(max(-low, 0), self._counts[self.cell])
        least[self.cell], least[self.size + self.cell] = max(low, 0), max(-high, 0)
        answer = milp(
            aim,
            integrality=np.full(2 * self.size, int(self._whole)),
            bounds=Bounds(least, most),  # pyright: ignore[reportArgumentType] - takes arrays, too
            constraints=LinearConstraint(self._totals, 0, 0),
            options={"node_limit": _NODES},
        )
        if answer.x is None:
            return None
        rounded = np.round(answer.x).astype(np.int64)
        return rounded[: self.size] - rounded[self.size :]
