"""Makes the face of nobody that replaces a person's: a mixture from the bank, at an age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fsp_ray.core.ages import MAX_AGE_YEARS, Gender
from fsp_ray.core.face_types import F32, I64, SourceFace, SyntheticFace
from fsp_ray.synthesis.ageing import AgeModel, load_age_model
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.expressions import neutralise
from fsp_ray.synthesis.mixing import K_FACES, draw_shares, mix, with_detail_of
from fsp_ray.synthesis.texture import (
    beard_score,
    brow_score,
    encode_ratio,
    log_ratio,
    skin_tone,
)
from fsp_ray.synthesis.wrinkles import draw_creases

_MAX_CANDIDATES: Final = 48
_TEXTURE_POWER: Final = 0.7
_SHAPE_POWER: Final = 1.0
_MEAN_FACES: Final = 96
# One step of each measure looks about as wrong as one of the others: beard and brows in n,
# log R/G, log B/G, luminance. Beards come first, then tone.
_BEARD_STEP, _BROW_STEP = 0.015, 0.08
_TONE_STEPS: Final = np.array([0.06, 0.08, 0.12], np.float32)
# White or blurred brows of a source do not ask for the palest faces of the bank.
_BROW_RANGE: Final = (0.15, 0.85)
# Children have no beards, whatever shade lies on their chins.
_GROWN_YEARS: Final = 16.0
# Creases are redder than skin: blue and green lose more than red.
_CREASE_TINT: Final = np.array([0.8, 1.0, 1.1], np.float32)
# Mixing and ageing wear off some of what tells men from women.
_GENDER_PUSH: Final[dict[Gender, float]] = {"female": 0.2, "male": 0.6}
_SOFTEN: Final = 0.5
# A mixture of shapes may leave the mean by this much, in face widths.
_MAX_DEVIATION: Final = 0.12


class BankGenerator:
    """Implements `core.protocols.FaceGenerator`."""

    def __init__(self, bank: FaceBank, age_model: AgeModel | None = None) -> None:
        self._bank = bank
        self._ages = load_age_model() if age_model is None else age_model
        self._means: dict[Gender, tuple[F32, F32]] = {}
        self._traits: tuple[SourceFace, tuple[float, float, F32 | None]] | None = None

    def generate(
        self,
        person_id: str,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        rng: np.random.Generator,
    ) -> SyntheticFace:
        """Return a face of that age and gender that suits the source's surroundings.

        Which face of the bank it is made from, of those nearest in beard, skin tone and brows,
        only `rng` knows.

        Raises:
            ValueError: the age is not a number between 0 and 120.
            BankError: the bank is damaged.
        """
        return self.draw(person_id, [age_years], gender, source, rng)[0]

    def draw(
        self,
        person_id: str,
        ages_years: Sequence[float],
        gender: Gender,
        source: SourceFace,
        rng: np.random.Generator,
    ) -> list[SyntheticFace]:
        """Return candidates to choose from, one for each age, each made from another bank face.

        Raises:
            ValueError: an age is not a number between 0 and 120.
            BankError: the bank is damaged.
        """
        for age_years in ages_years:
            if not 0 <= age_years <= MAX_AGE_YEARS:
                raise ValueError(f"age_years must lie in 0..{MAX_AGE_YEARS:.0f}, not {age_years}")
        if len(ages_years) == 0:
            return []
        near = self.candidates(gender, source, float(np.median(ages_years)))
        order: I64 = np.concatenate(
            [rng.permutation(near) for _ in range(-(-len(ages_years) // len(near)))]
        )
        return [
            self._face(person_id, int(lead), near, float(age_years), gender, rng)
            for lead, age_years in zip(order, ages_years, strict=False)
        ]

    def _face(
        self,
        person_id: str,
        lead: int,
        near: I64,
        age_years: float,
        gender: Gender,
        rng: np.random.Generator,
    ) -> SyntheticFace:
        """Make one face, led by one of the bank."""
        if self._bank.num_mixed[lead] >= K_FACES:
            chosen, shares = np.array([lead], np.int64), np.ones(1, np.float32)
        else:  # not a mixture yet: k-Same asks for four
            others = rng.choice(near[near != lead], size=K_FACES - 1, replace=False)
            chosen, shares = np.array([lead, *others], np.int64), draw_shares(rng)
        ratio, shape = self._mixture(chosen, shares, gender, age_years)
        age_now = float(shares @ self._bank.age_years[chosen])
        ratio = self._ages.shift_texture(ratio, gender, age_now, age_years)
        creases = draw_creases(rng, age_years)[:, :, None] * _CREASE_TINT
        shape = neutralise(self._ages.shift_shape(shape, gender, age_now, age_years))
        return SyntheticFace(
            person_id=person_id,
            texture=encode_ratio((ratio + creases).astype(np.float32)),
            shape=shape,
            age_years=age_years,
            gender=gender,
        )

    def candidates(self, gender: Gender, source: SourceFace, age_years: float) -> I64:
        """Return the indices of the faces that suit best, nearest first."""
        mine = self._bank.of(gender)
        beard, brow, tone = self._traits_of(source)
        if age_years < _GROWN_YEARS:
            beard = float(np.quantile(self._bank.beard[mine], 0.1))
        gap = ((self._bank.beard[mine] - beard) / _BEARD_STEP) ** 2 * float(gender == "male")
        brows = self._bank.brow[mine]
        brow = np.clip(brow, *np.quantile(brows, _BROW_RANGE))
        gap = gap + ((brows - brow) / _BROW_STEP) ** 2
        if tone is None:
            tone = self._bank.tone[mine].mean(axis=0)
        gap = gap + (((self._bank.tone[mine] - tone) / _TONE_STEPS) ** 2).sum(axis=1)
        count = min(_MAX_CANDIDATES, max(K_FACES, len(mine) // 2))
        return mine[np.argsort(gap, kind="stable")[:count]]

    def _traits_of(self, source: SourceFace) -> tuple[float, float, F32 | None]:
        """Return beard, brows and tone; kept, since many faces are drawn for one source."""
        if self._traits is None or self._traits[0] is not source:
            ratio = log_ratio(source.texture, source.weight)
            try:
                tone = skin_tone(source.texture, source.weight)
            except ValueError:
                tone = None
            self._traits = source, (beard_score(ratio), brow_score(ratio), tone)
        return self._traits[1]

    def _mixture(
        self, chosen: I64, shares: F32, gender: Gender, age_years: float
    ) -> tuple[F32, F32]:
        """Return the texture and the shape of a mixture, the heaviest face first."""
        mean_ratio, mean_shape = self._mean(gender)
        ratios = np.stack([self._bank.ratio(int(i)) for i in chosen])
        ratio = mix(ratios, mean_ratio, shares, power=_TEXTURE_POWER)
        if len(chosen) > 1:
            ratio = with_detail_of(ratio, ratios[0])
        marks = np.float32(1 - _youth(age_years)) * (ratio - mean_ratio)
        ratio = np.asarray(mean_ratio + marks + self._push(gender, age_years), np.float32)
        shape = mix(self._bank.shape[chosen], mean_shape, shares, power=_SHAPE_POWER)
        moved = np.clip(shape - mean_shape, -_MAX_DEVIATION, _MAX_DEVIATION)
        return ratio, (mean_shape + moved).astype(np.float32)

    def _push(self, gender: Gender, age_years: float) -> F32:
        """Return what makes a grown face read as its gender more surely, f32[256, 256, 3]."""
        other: Gender = "male" if gender == "female" else "female"
        strength = np.float32(_GENDER_PUSH[gender] * (age_years >= _GROWN_YEARS))
        return strength * (self._mean(gender)[0] - self._mean(other)[0])

    def _mean(self, gender: Gender) -> tuple[F32, F32]:
        """Return the gender's mean texture and shape, over evenly chosen faces."""
        if gender not in self._means:
            mine = self._bank.of(gender)
            some = mine[np.linspace(0, len(mine) - 1, min(_MEAN_FACES, len(mine))).astype(int)]
            total = np.zeros_like(self._bank.ratio(int(some[0])))
            for index in some:
                total += self._bank.ratio(int(index))
            shape = self._bank.shape[mine].mean(axis=0).astype(np.float32)
            self._means[gender] = (total / np.float32(len(some)), shape)
        return self._means[gender]


def _youth(age_years: float) -> float:
    """Return by what share a face's marks are softened: children's faces differ less."""
    return _SOFTEN * float(np.clip((18 - age_years) / 14, 0, 1))
