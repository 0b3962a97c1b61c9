"""Computes the statistics that `variation` loads. Every value is a sum over hundreds of faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import GENDERS
from fsp_ray.core.checks import check_array
from fsp_ray.core.face_types import F32
from fsp_ray.synthesis.ageing_build import KNOTS_YEARS
from fsp_ray.synthesis.bank_filter import Measures, clean_edges
from fsp_ray.synthesis.texture import areas
from fsp_ray.synthesis.variation import HALF_PX, NUM_MODES, SIDE_PX, forehead, pack

MIN_FACES: Final = 400  # of a gender
_CAP: Final = 1.2
_NUM_SCORES: Final = 5
_BEARD: Final = 4
_GROWN_YEARS: Final = 16.0
_MAX_SIGMAS: Final = 2.5
_RIDGE: Final = 0.05
# Three quarters of the shading wider than this is the photographer's light.
_LIGHT_SIGMA_PX, _LIGHT_SHARE = 12.0, 0.75
_FOREHEAD_SIGMA_PX: Final = 6.0

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Portraits:
    """What is kept of N portraits until they are summed up.

    Attributes:
        half: f32[N, 128, 64, 3], left half of the symmetric log-ratio texture (`symmetric_half`).
        scores: f32[N, 5], tone, brow and beard as in `variation.Scores`; smile: f32[N].
        age_years: f32[N]; female: bool[N].
    """

    half: F32
    scores: F32
    smile: F32
    age_years: F32
    female: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.age_years)
        check_array("half", self.half, np.float32, (n, SIDE_PX, HALF_PX, 3))
        check_array("scores", self.scores, np.float32, (n, _NUM_SCORES))
        check_array("smile", self.smile, np.float32, (n,))
        check_array("age_years", self.age_years, np.float32, (n,))
        check_array("female", self.female, np.bool_, (n,))


def is_clear(measures: Measures, yaw_deg: float) -> bool:
    """Return whether a portrait may count: level, without spectacles, light from ahead.

    Hair may hang into a forehead; it is held back as in the bank.
    """
    return (
        abs(yaw_deg) < 15
        and measures.lopsided < 0.2
        and measures.bridge < 0.09
        and measures.temples < 0.28
        and measures.sides < 0.6
        and measures.fringe < 0.4
    )


def symmetric_half(ratio: F32) -> F32:
    """Return the left half of a texture f32[256, 256, 3] made symmetric, f32[128, 64, 3]."""
    clean = clean_edges(np.clip(ratio, -_CAP, _CAP))
    small = cv2.resize(clean, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    even = (small + small[:, ::-1]) / 2
    # What is small on a forehead is painted on, or hair.
    plain = cv2.GaussianBlur(even, (0, 0), _FOREHEAD_SIGMA_PX)
    even += forehead()[:, :, None] * (plain - even)
    return np.ascontiguousarray(even[:, :HALF_PX], np.float32)


def build_variation(people: Portraits, made: Portraits, out: Path) -> None:
    """Write the statistics.

    How much faces differ, and what goes along with age, tone, brows and beard, comes from people;
    in which ways they differ, from generated portraits: those of people are small, and differ by
    their light and by their cameras, which looks like stains on somebody else's face.

    Args:
        people: real people of all ages.
        made: generated portraits, evenly lit and sharp.
        out: file to write.

    Raises:
        ValueError: there are fewer than 400 portraits of a gender.
    """
    rows: list[dict[str, F64]] = []
    for gender in GENDERS:
        chosen = [part.female == (gender == "female") for part in (people, made)]
        for mine in chosen:
            if mine.sum() < MIN_FACES:
                raise ValueError(f"{int(mine.sum())} portraits are {gender}; {MIN_FACES} needed")
        bearded = gender == "male"
        of_people = _gender_statistics(people, chosen[0], bearded=bearded)
        of_made = _gender_statistics(made, chosen[1], bearded=bearded)
        spread = _as_wide_as(of_people["spread"], of_made["spread"])
        rows.append(of_people | {"modes": of_made["modes"], "spread": spread})
    arrays: dict[str, npt.NDArray[Any]] = {"knots": np.array(KNOTS_YEARS, np.float32)}
    for name in rows[0]:
        stacked = np.stack([row[name] for row in rows])
        if name in ("mean", "modes", "effects"):
            arrays[name], arrays[f"{name}_scale"] = pack(stacked)
        else:
            arrays[name] = stacked.astype(np.float32)
    np.savez_compressed(out, allow_pickle=False, **arrays)


def _as_wide_as(people: F64, made: F64) -> F64:
    """Return spreads [K, 64] along the modes of made faces, as large as people's in all."""
    usual = np.median(made, axis=0)  # of ages that few are of, single faces decide
    total = np.sqrt((people**2).sum(axis=1) / (usual**2).sum())
    return np.asarray(total[:, None] * usual, np.float64)


def _gender_statistics(
    portraits: Portraits, mine: npt.NDArray[np.bool_], *, bearded: bool
) -> dict[str, F64]:
    ages = portraits.age_years[mine].astype(np.float64)
    half = portraits.half[mine].astype(np.float64)
    grey = half.mean(axis=3)
    own_mean = np.stack([_local_mean(grey, ages, age) for age in ages])
    deviation = _without_light(grey - own_mean).reshape(len(ages), -1)
    scores, score_mean, score_spread = _standardised(portraits, mine, ages)
    scores[:, _BEARD] *= bearded * (ages >= _GROWN_YEARS)
    square = scores.T @ scores + _RIDGE * len(ages) * np.eye(scores.shape[1])
    effects = np.asarray(np.linalg.solve(square, scores.T @ deviation), np.float64)
    deviation = deviation - scores @ effects
    modes, coefficients = _principal(deviation)
    knots = np.array(KNOTS_YEARS, np.float64)
    shape = (SIDE_PX, HALF_PX)
    return {
        "mean": np.stack([_local_mean(half, ages, knot) for knot in knots]),
        "modes": modes.reshape(NUM_MODES, *shape),
        "spread": np.sqrt([_local_mean(coefficients**2, ages, knot) for knot in knots]),
        "effects": effects[:_NUM_SCORES].reshape(_NUM_SCORES, *shape),
        "score_mean": score_mean,
        "score_spread": score_spread,
    }


def _local_mean(values: F64, ages: F64, age: float) -> F64:
    """Return the kernel-weighted mean of values [N, ...] about an age."""
    weights = np.exp(-0.5 * ((ages - age) / (0.8 + 0.13 * age)) ** 2)
    return np.asarray(np.tensordot(weights / weights.sum(), values, axes=1), np.float64)


def _standardised(
    portraits: Portraits, mine: npt.NDArray[np.bool_], ages: F64
) -> tuple[F64, F64, F64]:
    """Return scores and smile against the usual ones of the age, [N, 6], mean [K, 5], spread [5].

    The smile is there to be taken out: it is no trait.
    """
    raw = np.column_stack([portraits.scores[mine], portraits.smile[mine]]).astype(np.float64)
    usual = np.stack([_local_mean(raw, ages, age) for age in ages])
    spread = (raw - usual).std(axis=0)
    scores = np.clip((raw - usual) / spread, -_MAX_SIGMAS, _MAX_SIGMAS)
    at_knots = np.stack([_local_mean(raw, ages, float(knot)) for knot in KNOTS_YEARS])
    return scores, at_knots[:, :_NUM_SCORES], spread[:_NUM_SCORES]


def _principal(deviation: F64) -> tuple[F64, F64]:
    """Return modes [64, D] and everybody's coefficients [N, 64]; what is seen best counts most."""
    visible = np.sqrt(0.2 + 0.8 * _half(areas().core * areas().face)).ravel()
    left, singular, _ = np.linalg.svd(deviation * visible, full_matrices=False)
    coefficients = left[:, :NUM_MODES] * singular[:NUM_MODES]
    modes = np.linalg.lstsq(coefficients, deviation, rcond=None)[0]
    return np.asarray(modes, np.float64), coefficients


def _without_light(deviation: F64) -> F64:
    """Take most of the wide shading of the skin out of deviations [N, 128, 64]."""
    skin = _half(areas().skin)
    whole = np.concatenate([skin, skin[:, ::-1]], axis=1)
    seen = cv2.GaussianBlur(whole, (0, 0), _LIGHT_SIGMA_PX)[:, :HALF_PX] + 1e-3
    out = np.empty_like(deviation)
    for number, one in enumerate(deviation):
        masked = np.concatenate([one * skin, (one * skin)[:, ::-1]], axis=1)
        wide = cv2.GaussianBlur(masked, (0, 0), _LIGHT_SIGMA_PX)[:, :HALF_PX] / seen
        out[number] = one - _LIGHT_SHARE * wide
    return out


def _half(image: F32) -> F32:
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[:, :HALF_PX], np.float32)
