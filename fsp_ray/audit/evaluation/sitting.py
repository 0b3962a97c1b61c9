"""Portraits going through all conditions, one by one; no picture is kept."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.conditions import Replaced, Replacer
from fsp_ray.audit.evaluation.labels import LabelledFile
from fsp_ray.audit.evaluation.portraits import Panel, Portrait, Reading, load_portrait
from fsp_ray.audit.evaluation.readings import People, Readings
from fsp_ray.core.face_types import FaceReading
from fsp_ray.core.protocols import Models

Rows = npt.NDArray[np.int64]

MAX_TAKEN = 512
"""So many faces of a run, the latest, are kept away from: choosing slows down with more."""


@dataclass(slots=True, eq=False)
class _Kept:
    """What is kept of one condition in one run.

    Runs know nothing of each other: a second one may well give somebody the same face.
    """

    rows: list[int] = field(default_factory=list[int])
    readings: list[Reading] = field(default_factory=list[Reading])
    covered: list[bool] = field(default_factory=list[bool])
    seconds: list[float] = field(default_factory=list[float])
    taken: deque[FaceReading] = field(default_factory=lambda: deque(maxlen=MAX_TAKEN))
    alone: bool = False


class Sitting:
    """Takes portraits one after the other and reads them under every condition.

    Args:
        panel: reads.
        models: find the faces.
        conditions: what is compared, by name.
        seed: stands in for the secrets of both runs.
        twice: names of the conditions that are run a second time, on the mirrored picture.
        twice_limit: for so many faces.
    """

    def __init__(
        self,
        panel: Panel,
        models: Models,
        conditions: Mapping[str, Replacer],
        *,
        seed: int,
        twice: Collection[str] = (),
        twice_limit: int = 0,
    ) -> None:
        self._panel, self._models, self._conditions, self._seed = panel, models, conditions, seed
        self._twice_limit = twice_limit
        self._labels: list[LabelledFile] = []
        self._face_px: list[float] = []
        self._before: list[Reading] = []
        self._first = {name: _Kept(alone=name in twice) for name in conditions}
        self._second = {name: _Kept(alone=True) for name in conditions if name in twice}

    def __len__(self) -> int:
        return len(self._before)

    def add(self, file: LabelledFile) -> None:
        """Do one portrait; nothing happens where no face is found in it."""
        portrait = load_portrait(file, self._models)
        if portrait is None:
            return
        row = len(self)
        before = self._panel.read(portrait.rgb, portrait.landmarks)
        for name, replacer in self._conditions.items():
            self._do(self._first[name], row, portrait, replacer, run=0, before=before)
        again = self._second and row < self._twice_limit
        if again and (mirrored := portrait.mirrored(self._models)):
            for name, kept in self._second.items():
                self._do(kept, row, mirrored, self._conditions[name], run=1, before=None)
        self._labels.append(file)
        self._face_px.append(portrait.face_px)
        self._before.append(before)

    def people(self) -> People:
        """Return who the faces are."""
        return People(
            np.array([label.age_years for label in self._labels], np.float32),
            tuple(label.gender for label in self._labels),
            np.array(self._face_px, np.float32),
        )

    def before(self) -> Readings:
        """Return the readings of the portraits as they are."""
        return Readings.stack(self._before, [False] * len(self))

    def after(self, condition: str) -> Readings:
        """Return the readings of the first run under one condition."""
        kept = self._first[condition]
        return Readings.stack(kept.readings, kept.covered)

    def second(self, condition: str) -> tuple[Rows, Readings] | None:
        """Return rows of portraits, and their embeddings, of the second run, if there was one."""
        kept = self._second.get(condition)
        if kept is None or not kept.rows:
            return None
        return np.array(kept.rows, np.int64), Readings.stack(kept.readings, kept.covered)

    def replace_ms(self, condition: str) -> float:
        """Return the median time that one face took."""
        return 1000 * statistics.median(self._first[condition].seconds)

    def _do(
        self,
        kept: _Kept,
        row: int,
        portrait: Portrait,
        replacer: Replacer,
        *,
        run: int,
        before: Reading | None,
    ) -> None:
        # The same face gets the same draw in every evaluation with this seed; which of the faces
        # drawn is chosen depends on those taken, and so on the order, which the seed sets, too.
        rng = np.random.default_rng([self._seed, run, portrait.label.digest & 0xFFFFFFFF])
        start = time.perf_counter()
        after: Replaced = replacer.replace(portrait, rng, tuple(kept.taken))
        kept.seconds.append(time.perf_counter() - start)
        if after.reading is not None:
            kept.taken.append(after.reading)
        if before is not None and after.rgb is portrait.rgb:
            kept.readings.append(before)
        else:  # a second run is only asked who it is
            read = self._panel.read(
                after.rgb, portrait.landmarks, alone=kept.alone, who_only=before is None
            )
            kept.readings.append(read)
        kept.rows.append(row)
        kept.covered.append(after.covered)
