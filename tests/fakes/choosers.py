"""A chooser that throws dice, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import Choice, FaceReading, HeadView, SourceFace, SyntheticFace


@dataclass(frozen=True)
class Asked:
    """One call of `choose`."""

    person_id: str
    views: tuple[HeadView, ...]
    taken: tuple[FaceReading, ...]
    attempt: int


class DiceChooser:
    """Draws a face from the rng alone; a face reads as one number of its texture."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float, Gender]] = []
        self.sources: list[SourceFace] = []
        self.asked: list[Asked] = []

    def choose(
        self,
        person_id: str,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        views: Sequence[HeadView],
        rng: np.random.Generator,
        *,
        taken: Sequence[FaceReading] = (),
        attempt: int = 0,
    ) -> Choice:
        """Return a face of noise."""
        self.calls.append((person_id, age_years, gender))
        self.sources.append(source)
        self.asked.append(Asked(person_id, tuple(views), tuple(taken), attempt))
        face = SyntheticFace(
            person_id=person_id,
            texture=rng.integers(0, 256, (256, 256, 3), np.uint8),
            shape=rng.normal(size=(468, 3)).astype(np.float32),
            age_years=age_years,
            gender=gender,
        )
        return Choice(face, self.read(face, source, views))

    def read(
        self, face: SyntheticFace, source: SourceFace, views: Sequence[HeadView]
    ) -> FaceReading:
        """Return the mean of the texture, which no two faces share."""
        return FaceReading((np.array([face.texture.mean()], np.float32),))

    def at_age(self, face: SyntheticFace, source: SourceFace, age_years: float) -> SyntheticFace:
        """Return the same noise, said to be of that age."""
        return replace(face, age_years=age_years)
