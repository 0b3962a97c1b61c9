"""How much people of one age and gender differ, as statistics: what makes two made faces two.

The portraits that the bank was mixed from are alike: generated, neutral, even. Measured on the
same mesh, real people's features differ from their mean 1.4 to 1.9 times as much. So a face gets,
on top of its face of the bank, a random deviation with the variance of real people of its age,
along principal components (Turk and Pentland, "Eigenfaces for recognition", 1991) of generated
portraits: those of real ones would bring the light and the blur of their photographs along. Every
component is a sum over hundreds of faces, and whose they were can't be told from it.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from importlib import resources
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import GENDERS, Gender
from fsp_ray.core.checks import check_array, check_finite
from fsp_ray.core.face_types import F32, TEXTURE_PX, SourceFace
from fsp_ray.synthesis.texture import areas, beard_score, blur, brow_score, log_ratio, skin_tone
from fsp_ray.synthesis.topology import LEFT_BROW, RIGHT_BROW, load_topology

SIDE_PX: Final = 128
HALF_PX: Final = SIDE_PX // 2
NUM_MODES: Final = 64
# Nobody is further from the mean than this in any one way: what lies beyond looks wrong.
_MAX_SIGMAS: Final = 2.0
_MAX_SCORE_SIGMAS: Final = 1.8
# What goes along with tone, brows and beard is partly in the face of the bank already.
_EFFECT_SHARE: Final = 0.5
# Bright spots are light, not traits, and white brows are few.
_BRIGHT_SKIN, _BRIGHT_BROW, _BRIGHT_REST = 0.12, 0.08, 0.3
_DARK_REST: Final = 0.6
# A mark painted between the brows is no trait either, nor is a fringe.
_DARK_FOREHEAD: Final = 0.08
# Dark round a bright mouth, it looks like a muzzle.
_DARK_MOUTH, _BRIGHT_MOUTH = 0.12, 0.12

I8 = npt.NDArray[np.int8]


class Scores(NamedTuple):
    """All that a made face may know of a source's texture.

    Attributes:
        tone: f32[3], see `texture.skin_tone`; None where no skin shows.
        brow, beard: see `texture.brow_score` and `texture.beard_score`.
    """

    tone: F32 | None
    brow: float
    beard: float


def read_scores(source: SourceFace) -> Scores:
    """Read them from a source face."""
    ratio = log_ratio(source.texture, source.weight)
    try:
        tone = skin_tone(source.texture, source.weight)
    except ValueError:
        tone = None
    return Scores(tone, brow_score(ratio), beard_score(ratio))


@dataclass(frozen=True, slots=True, eq=False)
class VariationModel:
    """Statistics over many faces (see MODEL_CARD.md). Textures are log ratios, left halves only.

    Attributes:
        knots: f32[K], ages in years, ascending; between them is interpolated.
        mean: f32[2, K, 128, 64, 3], by gender as in `GENDERS`.
        modes: f32[2, 64, 128, 64], in which generated faces of one age differ.
        spread: f32[2, K, 64], standard deviation along each mode; in all as large as real people's.
        effects: f32[2, 5, 128, 64], what goes along with one standard deviation of each score:
            three of tone, brow, beard.
        score_mean: f32[2, K, 5]; score_spread: f32[2, 5].
    """

    knots: F32
    mean: F32
    modes: F32
    spread: F32
    effects: F32
    score_mean: F32
    score_spread: F32

    def __post_init__(self) -> None:
        k, half = len(self.knots), (SIDE_PX, HALF_PX)
        check_array("knots", self.knots, np.float32, (k,))
        check_array("mean", self.mean, np.float32, (2, k, *half, 3))
        check_array("modes", self.modes, np.float32, (2, NUM_MODES, *half))
        check_array("spread", self.spread, np.float32, (2, k, NUM_MODES))
        check_array("effects", self.effects, np.float32, (2, 5, *half))
        check_array("score_mean", self.score_mean, np.float32, (2, k, 5))
        check_array("score_spread", self.score_spread, np.float32, (2, 5))
        for name in ("mean", "modes", "spread", "effects", "score_mean", "score_spread"):
            check_finite(name, getattr(self, name))

    def mean_texture(self, gender: Gender, age_years: float) -> F32:
        """Return the mean log ratio at an age, f32[256, 256, 3]."""
        return _whole(self._at(self.mean[GENDERS.index(gender)], age_years))

    def along(self, gender: Gender, age_years: float, scores: Scores) -> F32:
        """Return what goes along with the scores, f32[128, 64]."""
        row = GENDERS.index(gender)
        usual = self._at(self.score_mean[row], age_years)
        tone = usual[:3] if scores.tone is None else scores.tone
        read = np.array([*tone, scores.brow, scores.beard], np.float32)
        sigmas = (read - usual) / self.score_spread[row]
        sigmas = _EFFECT_SHARE * np.clip(sigmas, -_MAX_SCORE_SIGMAS, _MAX_SCORE_SIGMAS)
        return np.tensordot(sigmas.astype(np.float32), self.effects[row], axes=1)

    def draw(self, rng: np.random.Generator, gender: Gender, age_years: float) -> F32:
        """Return a random deviation as large as people's of that age, f32[128, 64]."""
        weights = self.draw_weights(rng, gender, age_years)
        return np.tensordot(weights, self.modes[GENDERS.index(gender)], axes=1)

    def draw_weights(self, rng: np.random.Generator, gender: Gender, age_years: float) -> F32:
        """Return how much of each mode is in what `draw` gives for the same dice, f32[64]."""
        sigmas = rng.standard_normal(NUM_MODES).clip(-_MAX_SIGMAS, _MAX_SIGMAS)
        weights = sigmas * self._at(self.spread[GENDERS.index(gender)], age_years)
        return weights.astype(np.float32)

    def _at(self, values: F32, age_years: float) -> F32:
        """Interpolate between the knots, f32[K, ...] to f32[...]."""
        place = float(np.interp(age_years, self.knots, np.arange(len(self.knots))))
        low = min(int(place), len(self.knots) - 2)
        share = np.float32(place - low)
        return (1 - share) * values[low] + share * values[low + 1]


def limit(deviation: F32, darkest_skin: float) -> F32:
    """Return a deviation, f32[128, 64], as f32[256, 256] without glare and without stains.

    Args:
        deviation: left half, grey.
        darkest_skin: bound of what skin may darken by; brows, eyes and lips may by more.
    """
    bright, skin, mouth = _bounds()
    dark = darkest_skin + forehead()[:, :HALF_PX] * (
        min(darkest_skin, _DARK_FOREHEAD) - darkest_skin
    )
    dark += mouth * (np.minimum(dark, _DARK_MOUTH) - dark)
    dark = dark * skin + _DARK_REST * (1 - skin)
    limited = np.where(
        deviation > 0, bright * np.tanh(deviation / bright), dark * np.tanh(deviation / dark)
    )
    return _whole(limited.astype(np.float32))


@functools.cache
def load_variation() -> VariationModel:
    """Return the statistics that come with the package. Shared: read only."""
    file = resources.files("fsp_ray.synthesis").joinpath("data/variation.npz")
    with np.load(io.BytesIO(file.read_bytes())) as stored:
        arrays = {
            name: stored[name].astype(np.float32)
            for name in ("knots", "spread", "score_mean", "score_spread")
        }
        for name in ("mean", "modes", "effects"):
            arrays[name] = unpack(stored[name], stored[f"{name}_scale"])
    for array in arrays.values():
        array.flags.writeable = False
    return VariationModel(**arrays)


def pack(values: npt.NDArray[np.floating]) -> tuple[I8, F32]:
    """Return values [2, N, ...] in 8 bits, and what to multiply each of the 2 x N by."""
    largest = np.abs(values).max(axis=tuple(range(2, values.ndim)))
    scale = np.maximum(largest / 127, 1e-9)
    steps = values / scale[(..., *[None] * (values.ndim - 2))]
    return np.rint(steps).astype(np.int8), scale.astype(np.float32)


def unpack(steps: I8, scale: npt.NDArray[np.floating]) -> F32:
    """Undo `pack`."""
    return (steps * scale[(..., *[None] * (steps.ndim - 2))]).astype(np.float32)


def _whole(half: F32) -> F32:
    """Return a left half and its mirror image at the full size."""
    whole = np.concatenate([half, half[:, ::-1]], axis=1)
    size = (TEXTURE_PX, TEXTURE_PX)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_CUBIC), np.float32)


@functools.cache
def _bounds() -> tuple[F32, F32, F32]:
    """Return how bright a deviation may be, where skin is, and what is about the mouth.

    f32[128, 64] each.
    """

    def half(image: F32) -> F32:
        small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(small[:, :HALF_PX], np.float32)

    skin = half(blur(areas().skin, 1.5))
    brow = np.clip(1.5 * half(blur(areas().brows, 3.0)), 0, 1)
    bright = _BRIGHT_SKIN * skin + _BRIGHT_REST * (1 - skin)
    bright = bright * (1 - brow) + _BRIGHT_BROW * brow
    mouth = np.clip(1.3 * half(blur(areas().chin, 4.0)), 0, 1)
    bright += mouth * (np.minimum(bright, _BRIGHT_MOUTH) - bright)
    return bright.astype(np.float32), skin, mouth.astype(np.float32)


@functools.cache
def forehead() -> F32:
    """Return the forehead and what lies between the brows, f32[128, 128]."""
    grid = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    uv = load_topology().uv
    eyes, inner = float(uv[[33, 263], 1].mean()), 0.5 - float(uv[[55, 107], 0].max())
    tops = float(uv[[*LEFT_BROW, *RIGHT_BROW], 1].min())
    across = np.abs(grid - 0.5)[None]
    between = np.clip((eyes - 0.02 - grid) / 0.03, 0, 1)[:, None]
    between = between * np.clip((inner - across) / 0.02, 0, 1)
    above = np.clip((tops - grid) / 0.03, 0, 1)[:, None] * np.ones_like(across)
    return np.maximum(between, above).astype(np.float32)
