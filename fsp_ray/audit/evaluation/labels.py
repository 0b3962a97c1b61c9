"""Labelled faces: a folder of portraits whose names say age and gender, as in UTKFace."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fsp_ray.core.ages import MAX_AGE_YEARS, Gender, age_group
from fsp_ray.core.errors import SourceError

# Zhang, Song and Qi, "Age progression/regression by conditional adversarial autoencoder" (CVPR
# 2017), whose data set UTKFace is: [age]_[gender]_[race]_[date&time].jpg, gender 0 male, 1 female.
# What the third field says is not read.
_NAME: Final = re.compile(r"^(\d{1,3})_([01])_")
_GENDERS: Final[tuple[Gender, Gender]] = ("male", "female")
_PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """One portrait and what its name says.

    Attributes:
        path: the picture.
        age_years, gender: the label.
    """

    path: Path
    age_years: float
    gender: Gender

    @property
    def age_group(self) -> str:
        """The label's age group."""
        return age_group(self.age_years)

    @property
    def digest(self) -> int:
        """A number that depends on the file's name alone."""
        return int(hashlib.sha1(self.path.name.encode("utf-8")).hexdigest(), 16)  # noqa: S324 - spreads names evenly, protects nothing


def labelled_files(folder: Path) -> tuple[LabelledFile, ...]:
    """Return the labelled portraits under a folder, by name; other files are passed over.

    Raises:
        SourceError: there are none.
    """
    found: list[LabelledFile] = []
    for path in sorted(folder.rglob("*")):
        match = _NAME.match(path.name)
        if match is None or path.suffix.lower() not in _PICTURES or not path.is_file():
            continue
        years = float(match[1])
        if years <= MAX_AGE_YEARS:
            found.append(LabelledFile(path, years, _GENDERS[int(match[2])]))
    if not found:
        raise SourceError(
            f"{folder} holds no labelled faces.",
            advice="Names must begin <age>_<gender>_, gender 0 for male and 1 for female.",
        )
    return tuple(found)


def split(
    files: Sequence[LabelledFile],
) -> tuple[tuple[LabelledFile, ...], tuple[LabelledFile, ...]]:
    """Return those to judge and those to set thresholds on: halves by the hash of the name.

    So a file is always on one side, whatever else lies beside it.
    """
    judged = tuple(file for file in files if file.digest % 2 == 1)
    return judged, tuple(file for file in files if file.digest % 2 == 0)


def spread(
    files: Sequence[LabelledFile], limit: int, rng: np.random.Generator
) -> tuple[LabelledFile, ...]:
    """Return at most `limit` files, age groups and genders in equal numbers as far as they go."""
    cells: dict[tuple[str, Gender], list[LabelledFile]] = {}
    for index in rng.permutation(len(files)):
        file = files[int(index)]
        cells.setdefault((file.age_group, file.gender), []).append(file)
    longest = max((len(cell) for cell in cells.values()), default=0)
    rounds = [cells[key][i] for i in range(longest) for key in sorted(cells) if i < len(cells[key])]
    return tuple(rounds[:limit])
