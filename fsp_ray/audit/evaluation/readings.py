"""Readings of many pictures, stacked: the arrays that all figures come from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.audit.evaluation.portraits import Reading
from fsp_ray.audit.evaluation.reference import is_grown
from fsp_ray.core.ages import Gender, age_group
from fsp_ray.core.face_types import F32, Attributes

Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]

# Upper limits of the bins of face sizes, pixels of the mesh's longer side.
_SIZE_BINS_PX: Final = (40, 80, 160, 320)


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What one estimator reads of M faces.

    Attributes:
        age_years: f32[M].
        female: bool[M].
    """

    age_years: F32
    female: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What was read of M faces under one condition. Biometric: memory only.

    Attributes:
        embeddings: by recogniser, f32[M, D], unit vectors.
        age_years: f32[M].
        female: bool[M].
        found, found_by_recall: bool[M].
        covered: bool[M], covered where a synthetic face was asked for.
        second: of a second estimator, if there is one.
        alone: as `embeddings`, of the faces without their surroundings; may be empty.
    """

    embeddings: Mapping[str, F32]
    age_years: F32
    female: Bools
    found: Bools
    found_by_recall: Bools
    covered: Bools
    second: Read | None = None
    alone: Mapping[str, F32] = field(default_factory=dict[str, F32])

    def __len__(self) -> int:
        return len(self.age_years)

    @classmethod
    def stack(cls, readings: Sequence[Reading], covered: Sequence[bool]) -> Readings:
        """Stack single readings.

        Raises:
            ValueError: there is none.
        """
        if not readings:
            raise ValueError("there is nothing to stack")
        return cls(
            embeddings=_stacked([r.embeddings for r in readings]),
            alone=_stacked([r.alone for r in readings]),
            age_years=np.array([r.age_years for r in readings], np.float32),
            female=np.array([r.female_probability >= 0.5 for r in readings], np.bool_),
            found=np.array([r.found for r in readings], np.bool_),
            found_by_recall=np.array([r.found_by_recall for r in readings], np.bool_),
            covered=np.array(covered, np.bool_),
            second=_second([r.second for r in readings]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Who the M faces are, as labelled.

    Attributes:
        age_years: f32[M].
        gender: for each of M.
        face_px: f32[M].
    """

    age_years: F32
    gender: tuple[Gender, ...]
    face_px: F32

    @property
    def age_groups(self) -> list[str]:
        """The age group of each."""
        return [age_group(float(years)) for years in self.age_years]

    @property
    def alike(self) -> list[Hashable]:
        """Gender and age group of each: what a swap keeps on purpose."""
        return list(zip(self.gender, self.age_groups, strict=True))

    @property
    def grown(self) -> Bools:
        """bool[M], who is judged by grown people's thresholds."""
        return is_grown(self.age_years)

    def axes(self) -> dict[str, Strings]:
        """Return the group of each face along every axis, str[M]."""
        return {
            "age_group": np.array(self.age_groups),
            "gender": np.array(self.gender),
            "face_px": np.array([size_group(float(px)) for px in self.face_px]),
        }


def _second(read: Sequence[Attributes | None]) -> Read | None:
    """Stack the second opinions, of one face each; None where one is missing."""
    known = [one for one in read if one is not None]
    if len(known) < len(read):
        return None
    ages = np.concatenate([one.age_years for one in known])
    return Read(ages, np.concatenate([one.female_probability for one in known]) >= 0.5)


def _stacked(vectors: Sequence[Mapping[str, F32]]) -> dict[str, F32]:
    return {recogniser: np.stack([one[recogniser] for one in vectors]) for recogniser in vectors[0]}


def size_group(face_px: float) -> str:
    """Return the name of the bin that a face size falls into."""
    low = 0
    for high in _SIZE_BINS_PX:
        if face_px < high:
            return f"{low}-{high - 1}"
        low = high
    return f"{low}+"


def rows_by_group(groups: Strings) -> dict[str, npt.NDArray[np.int64]]:
    """Return group -> rows, groups by their first number where they have one."""

    def key(name: str) -> tuple[int, str]:
        digits = name.replace("+", "-").split("-")[0]
        return (int(digits) if digits.isdigit() else -1, name)

    names = sorted({str(name) for name in groups}, key=key)
    return {name: np.flatnonzero(groups == name).astype(np.int64) for name in names}
