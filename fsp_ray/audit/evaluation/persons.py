"""The persons of clips, from their tracks: who is looked at in which look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.clips import ClipReading, Look
from fsp_ray.audit.evaluation.portraits import Reading
from fsp_ray.audit.evaluation.readings import People, Readings
from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, Track

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """All looks of all clips, and whose they are. Biometric: memory only.

    Attributes:
        looks: person by person, by time.
        person: i64[L], of each look, counted over all clips.
        people: the persons, their age and gender as read from the source: clips have no labels.
    """

    looks: tuple[Look, ...]
    person: Rows
    people: People

    @property
    def count(self) -> int:
        """How many persons there are."""
        return len(self.people.age_years)

    def rows(self, person: int) -> Rows:
        """Return the looks at a person."""
        return np.flatnonzero(self.person == person).astype(np.int64)

    def before(self) -> Readings:
        """Return the readings of all looks at the source."""
        return self._stack(lambda look: look.before)

    def after(self, condition: str) -> Readings:
        """Return the readings of all looks under a condition."""
        return self._stack(lambda look: look.after[condition])

    def templates(self, vectors: F32) -> F32:
        """Return each person's mean of f32[L, D], unit vectors f32[P, D]."""
        means = np.stack([vectors[self.rows(p)].mean(axis=0) for p in range(self.count)])
        return means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), np.float32(1e-9))

    def elsewhere(self) -> tuple[Rows, Rows]:
        """Return looks, and for each a look at the same person in another frame, far in time."""
        mine: list[int] = []
        other: list[int] = []
        for person in range(self.count):
            rows = self.rows(person).tolist()
            if len(rows) > 1:
                mine += rows
                half = len(rows) // 2
                other += rows[half:] + rows[:half]
        return np.array(mine, np.int64), np.array(other, np.int64)

    def by_person(self, readings: Readings) -> Readings:
        """Return one reading a person: median age, majority gender; embeddings are left out."""
        groups = [self.rows(p) for p in range(self.count)]

        def most(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
            return np.array([flags[rows].mean() >= 0.5 for rows in groups], np.bool_)

        return Readings(
            embeddings={},
            age_years=np.array([np.median(readings.age_years[g]) for g in groups], np.float32),
            female=most(readings.female),
            found=most(readings.found),
            found_by_recall=most(readings.found_by_recall),
            covered=most(readings.covered),
        )

    def _stack(self, of: Callable[[Look], Reading]) -> Readings:
        return Readings.stack([of(look) for look in self.looks], [False] * len(self.looks))


def cast_of(readings: Sequence[ClipReading], matcher: str, same_person: float) -> Cast:
    """Put together whose looks these are.

    Tracks of one clip are one person's where they never show at the same time and their mean
    embeddings agree; tracks of two clips never are.

    Args:
        readings: the clips.
        matcher: name of the recogniser that groups.
        same_person: its distance under which two tracks are one person.
    """
    looks: list[Look] = []
    person: list[int] = []
    for reading in readings:
        first = max(person, default=-1) + 1
        owners = _owners(reading, matcher, same_person)
        ordered = sorted(reading.looks, key=lambda look: (owners[look.track_id], look.pts))
        looks += ordered
        person += [first + owners[look.track_id] for look in ordered]
    whose = np.array(person, np.int64)
    return Cast(tuple(looks), whose, _people(looks, whose))


def _owners(reading: ClipReading, matcher: str, same_person: float) -> dict[str, int]:
    """Return for each track with looks the number of its person, from 0."""
    vectors: dict[str, list[F32]] = {}
    for look in reading.looks:
        vectors.setdefault(look.track_id, []).append(look.before.embeddings[matcher])
    tracks = {track.track_id: track for track in reading.tracks}
    groups: list[list[str]] = []
    for track_id in sorted(vectors, key=lambda name: -len(vectors[name])):
        mine = _mean(vectors[track_id])
        for group in groups:
            alike = float(mine @ _mean([v for t in group for v in vectors[t]])) > 1 - same_person
            if alike and not any(_overlap(tracks[track_id], tracks[t]) for t in group):
                group.append(track_id)
                break
        else:
            groups.append([track_id])
    return {track_id: number for number, group in enumerate(groups) for track_id in group}


def _people(looks: Sequence[Look], person: Rows) -> People:
    ages: list[float] = []
    genders: list[Gender] = []
    sizes: list[float] = []
    for number in range(int(person.max(initial=-1)) + 1):
        mine = [looks[int(row)] for row in np.flatnonzero(person == number)]
        ages.append(float(np.median([look.before.age_years for look in mine])))
        female = np.mean([look.before.female_probability for look in mine]) >= 0.5
        genders.append("female" if female else "male")
        sizes.append(float(np.median([look.face_px for look in mine])))
    return People(np.array(ages, np.float32), tuple(genders), np.array(sizes, np.float32))


def _mean(vectors: Sequence[F32]) -> F32:
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _overlap(a: Track, b: Track) -> bool:
    return int(a.pts[0]) <= int(b.pts[-1]) and int(b.pts[0]) <= int(a.pts[-1])
