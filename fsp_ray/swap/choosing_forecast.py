"""What a matcher will read from faces that are not made yet: a linear forecast from sketches.

Making a face, putting it on and reading it takes some fifty milliseconds; a forecast takes less
than a tenth of one. It explains a quarter of what tells two faces on one head apart: enough to try
the best few of many instead of any few.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np

from fsp_ray.core.ages import GENDERS, Gender
from fsp_ray.core.checks import check_array, check_finite
from fsp_ray.core.face_types import F32, SourceFace, SyntheticFace
from fsp_ray.swap.layout import DISTANCES
from fsp_ray.synthesis.sketching import SKETCH_SIZE

AGE_UNIT_YEARS: Final = 30.0
_FILE: Final = "data/forecast.npz"
DECADE_YEARS: Final = 10.0
# What is read besides the embedding: log-odds of female, decades that the face reads older.
_OTHERS: Final = 2


@runtime_checkable
class Sketcher(Protocol):
    """A generator that tells what faces would be like without making them."""

    def sketch(
        self, seeds: Sequence[int], age_years: float, gender: Gender, source: SourceFace
    ) -> F32:
        """Return f32[N, 512], see `synthesis.BankGenerator.sketch`."""
        ...

    def outlines(
        self, seeds: Sequence[int], age_years: float, gender: Gender, source: SourceFace
    ) -> list[SyntheticFace]:
        """Return N faces without their texture, see `synthesis.BankGenerator.outlines`."""
        ...


class Foretold(NamedTuple):
    """What N faces will read as on one head.

    Attributes:
        embeddings: f32[N, D], unit vectors.
        female_probability: f32[N].
        older_years: f32[N], than the person reads, if made as old.
    """

    embeddings: F32
    female_probability: F32
    older_years: F32


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Ridge regressions over faces put on many heads (see MODEL_CARD.md). No face is in them.

    Attributes:
        from_sketch: f32[512, D + 2], of the embedding, then of the log-odds of female and of the
            decades that the face, made as old as the person, reads older.
        from_change: f32[15, D + 2], of how putting it on changes the layout, in spreads.
        usual_change: f32[15], on average.
        from_head: f32[4 + D, D + 2], of gender and age, see `head_features`, then of the real
            face's embedding.
        bias: f32[D + 2].
        typical: f32[2, 3, D], by gender the mean embedding as a polynomial of age / 30 years,
            constant first.
        origin: f32[D, 3], directions of embeddings in which people of one apparent origin lie
            together, scaled so that they differ by a standard deviation of 1 among themselves.
    """

    from_sketch: F32
    from_change: F32
    usual_change: F32
    from_head: F32
    bias: F32
    typical: F32
    origin: F32

    def __post_init__(self) -> None:
        outputs = len(self.bias)
        dimensions = outputs - _OTHERS
        check_array("bias", self.bias, np.float32, (outputs,))
        check_array("from_sketch", self.from_sketch, np.float32, (SKETCH_SIZE, outputs))
        check_array("from_change", self.from_change, np.float32, (len(DISTANCES), outputs))
        check_array("usual_change", self.usual_change, np.float32, (len(DISTANCES),))
        check_array("from_head", self.from_head, np.float32, (4 + dimensions, outputs))
        check_array("origin", self.origin, np.float32, (dimensions, None))
        check_array("typical", self.typical, np.float32, (2, 3, dimensions))
        for field in fields(self):
            check_finite(field.name, getattr(self, field.name))

    @property
    def dimensions(self) -> int:
        """Return D, the length of the matcher's embeddings."""
        return len(self.bias) - _OTHERS

    def read(
        self,
        sketches: F32,
        gender: Gender,
        age_years: float,
        bare: F32,
        changes: F32 | None = None,
    ) -> Foretold:
        """Return what faces will read as on one head.

        Args:
            sketches: f32[N, 512], see `BankGenerator.sketch`.
            gender, age_years: as the real face reads.
            bare: f32[D], the real face's embedding.
            changes: f32[N, 15], of the layout (see `choosing_cues.ShapeCues`); None: not known.
        """
        head = np.concatenate([head_features(gender, age_years), bare])
        outputs = sketches @ self.from_sketch + head @ self.from_head + self.bias
        if changes is not None:
            outputs += (changes - self.usual_change) @ self.from_change
        vectors = outputs[:, : self.dimensions]
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        return Foretold(
            embeddings=vectors.astype(np.float32),
            female_probability=(1 / (1 + np.exp(-outputs[:, -2]))).astype(np.float32),
            older_years=(DECADE_YEARS * outputs[:, -1]).astype(np.float32),
        )

    def typical_of(self, gender: Gender, age_years: float) -> F32:
        """Return what synthetic faces of a gender and age have in common, a unit vector f32[D]."""
        age = age_years / AGE_UNIT_YEARS
        mean = np.array([1, age, age**2], np.float32) @ self.typical[GENDERS.index(gender)]
        return (mean / max(float(np.linalg.norm(mean)), 1e-6)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the coefficients, in half precision."""
        arrays = {f.name: getattr(self, f.name).astype(np.float16) for f in fields(self)}
        np.savez_compressed(path, allow_pickle=False, **arrays)


def head_features(gender: Gender, age_years: float) -> F32:
    """Return what the forecast knows of a head besides its embedding, f32[4]."""
    female, age = float(gender == "female"), age_years / AGE_UNIT_YEARS
    return np.array([female, age, age**2, female * age], np.float32)


@functools.cache
def load_forecast() -> Forecast:
    """Return the coefficients that come with the package. Shared: read only."""
    file = resources.files("fsp_ray.swap").joinpath(_FILE)
    with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files}
    for array in arrays.values():
        array.flags.writeable = False
    return Forecast(**arrays)
