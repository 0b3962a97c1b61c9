"""Makes the face of nobody that replaces a person's: one from the bank, varied, at an age."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Final

import numpy as np

from fsp_ray.core.ages import MAX_AGE_YEARS, Gender
from fsp_ray.core.face_types import F32, I64, TEXTURE_PX, U8, SourceFace, SyntheticFace
from fsp_ray.synthesis.ageing import AgeModel, load_age_model
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.expressions import neutralise
from fsp_ray.synthesis.fine_lines import draw_fine_lines
from fsp_ray.synthesis.finish import without_glare, without_smear
from fsp_ray.synthesis.mixing import K_FACES, draw_shares, mix, with_detail_of
from fsp_ray.synthesis.sketching import SKETCH_SIZE, Sketches
from fsp_ray.synthesis.texture import areas, blur, encode_ratio, grey
from fsp_ray.synthesis.variation import (
    NUM_MODES,
    Scores,
    VariationModel,
    limit,
    load_variation,
    read_scores,
)
from fsp_ray.synthesis.wrinkles import draw_creases

_MAX_CANDIDATES: Final = 48
_TEXTURE_POWER, _SHAPE_POWER = 1.0, 1.0
_MEAN_FACES: Final = 96
# One step of each measure looks about as wrong as one of the others: beard and brows in n,
# log R/G, log B/G, luminance. Beards come first, then tone.
_BEARD_STEP, _BROW_STEP = 0.015, 0.08
_TONE_STEPS: Final = np.array([0.06, 0.08, 0.12], np.float32)
# White or blurred brows of a source do not ask for the palest faces of the bank.
_BROW_RANGE: Final = (0.15, 0.85)
# Children have no beards, whatever shade lies on their chins.
_GROWN_YEARS: Final = 16.0
# From the first age on, a face has all of its bank face's marks; up to the second, few of them.
_ADULT_YEARS, _CHILD_YEARS = 20.0, 7.0
# How the marks of the bank face and the random ones count, for adults and for children, and how
# far each may darken skin.
_MARKS, _VARIATION, _DARKEST = (1.1, 0.35), (1.8, 0.6), (0.28, 0.06)
_SHAPE: Final = (1.0, 0.6)
# The bank's faces read as this old; ageing starts from there.
_BANK_YEARS: Final = 27.0
# Means over faces that differ blur what ages them.
_GAIN_YEARS, _AGE_GAIN = (27.0, 50.0, 80.0, 110.0), (1.6, 1.65, 1.8, 2.6)
_AGE_COLOUR: Final = 0.4
# By how much the bank's broad mean gives way to real people's, and what is broad.
_REAL_SHARE, _BROAD_SIGMA_PX = 0.8, 5.0
# The mean man has some beard: a shaven one must not get a bright mouth by losing it.
_BEARD_ROOM: Final = 0.02
# Creases and shades are redder than skin: blue and green lose more than red.
_SHADE_TINT: Final = np.array([0.8, 1.0, 1.1], np.float32)
# Ageing wears off some of what tells men from women.
_GENDER_PUSH: Final[dict[Gender, float]] = {"female": 0.2, "male": 0.6}
_CHILD_PUSH: Final = 0.8
_KEPT_BASES: Final = 8
# A shape may leave the mean by this much, in face widths.
_MAX_DEVIATION: Final = 0.12


class BankGenerator:
    """Implements `core.protocols.FaceGenerator`."""

    def __init__(
        self,
        bank: FaceBank,
        age_model: AgeModel | None = None,
        variation: VariationModel | None = None,
    ) -> None:
        self._bank = bank
        self._ages = load_age_model() if age_model is None else age_model
        self._variation = load_variation() if variation is None else variation
        self._sketches = Sketches(bank, self._variation)
        self._means: dict[Gender, tuple[F32, F32]] = {}
        # Many faces are drawn for one source and age: what they share is kept from draw to draw.
        self._scores: tuple[SourceFace, Scores] | None = None
        self._bases: dict[tuple[Gender, float], F32] = {}

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
        and how it was varied, only `rng` knows.

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
        scores = self._scores_of(source)
        near = self._nearest(gender, scores, float(np.median(ages_years)))
        rounds = -(-len(ages_years) // len(near))
        leads: I64 = np.concatenate([rng.permutation(near) for _ in range(rounds)])
        return [
            SyntheticFace(
                person_id=person_id,
                texture=self._texture(chosen, shares, gender, age, scores, rng),
                shape=self._shape(chosen, shares, gender, age),
                age_years=float(age),
                gender=gender,
            )
            for lead, age in zip(leads, ages_years, strict=False)
            for chosen, shares in [self._mixed(int(lead), near, rng)]
        ]

    def sketch(
        self, seeds: Sequence[int], age_years: float, gender: Gender, source: SourceFace
    ) -> F32:
        """Return sketches, f32[N, 512], of the faces that `generate` makes of dice by seed.

        Row n is for `np.random.default_rng(seeds[n])`. A sketch is the left half of the texture,
        32 x 16, without what all faces of that age and gender share.
        """
        near = self._nearest(gender, self._scores_of(source), age_years)
        marks = np.zeros((len(seeds), SKETCH_SIZE), np.float32)
        weights = np.zeros((len(seeds), NUM_MODES), np.float32)
        for row, seed in enumerate(seeds):
            rng = np.random.default_rng(seed)
            chosen, shares = self._mixed(int(rng.permutation(near)[0]), near, rng)
            marks[row] = shares @ np.stack([self._sketches.face(int(i)) for i in chosen])
            weights[row] = self._variation.draw_weights(rng, gender, age_years)
        youth = _youth(age_years)
        varied = self._sketches.varied(gender, weights)
        sketches = _for(_MARKS, youth) * marks + _for(_VARIATION, youth) * varied
        return sketches.astype(np.float32)

    def outlines(
        self, seeds: Sequence[int], age_years: float, gender: Gender, source: SourceFace
    ) -> list[SyntheticFace]:
        """Return the faces that `generate` makes of dice by seed, but for their texture: all grey.

        Raises:
            BankError: the bank is damaged.
        """
        near = self._nearest(gender, self._scores_of(source), age_years)
        outlines: list[SyntheticFace] = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            chosen, shares = self._mixed(int(rng.permutation(near)[0]), near, rng)
            shape = self._shape(chosen, shares, gender, age_years)
            outlines.append(SyntheticFace("", _blank(), shape, age_years, gender, seed))
        return outlines

    def candidates(self, gender: Gender, source: SourceFace, age_years: float) -> I64:
        """Return the indices of the faces that suit best, nearest first."""
        return self._nearest(gender, self._scores_of(source), age_years)

    def _scores_of(self, source: SourceFace) -> Scores:
        if self._scores is None or self._scores[0] is not source:
            self._scores = source, read_scores(source)
        return self._scores[1]

    def _nearest(self, gender: Gender, scores: Scores, age_years: float) -> I64:
        mine = self._bank.of(gender)
        grown = age_years >= _GROWN_YEARS
        beard = scores.beard if grown else float(np.quantile(self._bank.beard[mine], 0.1))
        gap = ((self._bank.beard[mine] - beard) / _BEARD_STEP) ** 2 * float(gender == "male")
        brows = self._bank.brow[mine]
        brow = np.clip(scores.brow, *np.quantile(brows, _BROW_RANGE))
        gap = gap + ((brows - brow) / _BROW_STEP) ** 2
        tones = self._bank.tone[mine]
        tone = tones.mean(axis=0) if scores.tone is None else scores.tone
        gap = gap + (((tones - tone) / _TONE_STEPS) ** 2).sum(axis=1)
        count = min(_MAX_CANDIDATES, max(K_FACES, len(mine) // 2))
        return mine[np.argsort(gap, kind="stable")[:count]]

    def _mixed(self, lead: int, near: I64, rng: np.random.Generator) -> tuple[I64, F32]:
        """Return the faces to mix, and their shares: the lead alone if it is a mixture already."""
        if self._bank.num_mixed[lead] >= K_FACES:
            return np.array([lead], np.int64), np.ones(1, np.float32)
        others = rng.choice(near[near != lead], size=K_FACES - 1, replace=False)
        return np.array([lead, *others], np.int64), draw_shares(rng)

    def _texture(
        self,
        chosen: I64,
        shares: F32,
        gender: Gender,
        age_years: float,
        scores: Scores,
        rng: np.random.Generator,
    ) -> U8:
        """Return a texture as stored: base, marks of the bank face and random ones, creases."""
        mean = self._mean(gender)[0]
        marks = self._marks(chosen, shares, mean)
        youth = _youth(age_years)
        colour = marks - grey(marks)[:, :, None]
        marks = _for(_MARKS, youth) * (marks - np.float32(youth) * colour)
        varied = _for(_VARIATION, youth) * self._variation.draw(rng, gender, age_years)
        varied += self._variation.along(gender, age_years, scores)
        varied = limit(varied, float(_for(_DARKEST, youth)))[:, :, None]
        varied = np.where(varied < 0, varied * _SHADE_TINT, varied)
        ratio = np.asarray(self._base_at(gender, age_years) + marks + varied, np.float32)
        age_now = float(shares @ self._bank.age_years[chosen])
        ratio = self._ages.shift_detail(ratio, gender, age_now, age_years)
        lines = draw_creases(rng, age_years) + draw_fine_lines(rng, age_years)
        ratio += lines[:, :, None] * _SHADE_TINT
        return encode_ratio(without_smear(without_glare(ratio)))

    def _marks(self, chosen: I64, shares: F32, mean: F32) -> F32:
        """Return how a bank face, or a mixture of some, differs from the mean one."""
        ratios = np.stack([self._bank.ratio(int(i)) for i in chosen])
        if len(chosen) == 1:
            return ratios[0] - mean
        ratio = mix(ratios, mean, shares, power=_TEXTURE_POWER)
        return with_detail_of(ratio, ratios[0]) - mean

    def _base_at(self, gender: Gender, age_years: float) -> F32:
        key = gender, age_years
        if key not in self._bases:
            if len(self._bases) >= _KEPT_BASES:
                del self._bases[next(iter(self._bases))]
            self._bases[key] = self._aged_mean(gender, age_years)
        return self._bases[key]

    def _aged_mean(self, gender: Gender, age_years: float) -> F32:
        """Return the mean face of an age, as sharp as the bank's, f32[256, 256, 3]."""
        youth, mean = np.float32(_youth(age_years)), self._mean(gender)[0]
        young = self._variation.mean_texture(gender, _BANK_YEARS)
        change = self._variation.mean_texture(gender, age_years) - young
        lighter = change.mean(axis=2, keepdims=True)
        if gender == "male":
            bare = 1 - (1 - _BEARD_ROOM) * blur(areas().chin, 4.0)[:, :, None]
            change = change - np.maximum(lighter - bare, 0)
            lighter = np.minimum(lighter, bare)
        gain = np.float32(np.interp(age_years, _GAIN_YEARS, _AGE_GAIN))
        gain = gain if age_years > _BANK_YEARS else np.float32(1)
        change = gain * (lighter + np.float32(_AGE_COLOUR) * (change - lighter))
        real = (young - mean).mean(axis=2)
        real = youth * real + (1 - youth) * np.float32(_REAL_SHARE) * blur(real, _BROAD_SIGMA_PX)
        push = self._push(gender, age_years)
        return np.asarray(mean + real[:, :, None] + change + push, np.float32)

    def _push(self, gender: Gender, age_years: float) -> F32:
        """Return what makes a face read as its gender more surely, f32[256, 256, 3]."""
        other: Gender = "male" if gender == "female" else "female"
        youth = np.float32(_youth(age_years))
        grown = self._mean(gender)[0] - self._mean(other)[0]
        push = (1 - youth) * np.float32(_GENDER_PUSH[gender]) * grown
        if youth > 0:
            own, others = (self._variation.mean_texture(g, age_years) for g in (gender, other))
            push += youth * np.float32(_CHILD_PUSH) * (own - others).mean(axis=2)[:, :, None]
        return push

    def _shape(self, chosen: I64, shares: F32, gender: Gender, age_years: float) -> F32:
        mean = self._mean(gender)[1]
        moved = mix(self._bank.shape[chosen], mean, shares, power=_SHAPE_POWER) - mean
        moved = np.clip(moved, -_MAX_DEVIATION, _MAX_DEVIATION)
        moved *= _for(_SHAPE, _youth(age_years))
        return neutralise((self._ages.mean_shape(gender, age_years) + moved).astype(np.float32))

    def _mean(self, gender: Gender) -> tuple[F32, F32]:
        """Return the gender's mean texture and shape in the bank, over evenly chosen faces."""
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
    """Return how childlike an age is, 0..1."""
    return float(np.clip((_ADULT_YEARS - age_years) / (_ADULT_YEARS - _CHILD_YEARS), 0, 1))


def _for(adult_and_child: tuple[float, float], youth: float) -> np.float32:
    """Return what lies between a value for adults and one for children."""
    adult, child = adult_and_child
    return np.float32(adult + (child - adult) * youth)


@functools.cache
def _blank() -> U8:
    blank = encode_ratio(np.zeros((TEXTURE_PX, TEXTURE_PX, 3), np.float32))
    blank.flags.writeable = False
    return blank
