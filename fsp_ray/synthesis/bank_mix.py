"""The bank that ships: every face of it a mixture of four or more, chosen to be unlike others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.ages import GENDERS, Gender
from fsp_ray.core.errors import BankError
from fsp_ray.core.face_types import F32, U8
from fsp_ray.synthesis.bank import FaceBank, encode_webp, join_banks
from fsp_ray.synthesis.bank_filter import hold_hair, measure
from fsp_ray.synthesis.mixing import K_FACES, amplitude, draw_shares
from fsp_ray.synthesis.texture import areas, blur, brow_score, decode_ratio, encode_ratio
from fsp_ray.synthesis.topology import load_topology

_MIN_BANK: Final = 24  # faces of a gender to mix from
_NEIGHBOURS: Final = 24
_POOL: Final = 4  # mixtures drawn for each one that is kept
_SMALL_PX: Final = 32
_ODD_SHARE: Final = 0.03  # the farthest from the mean are grotesque
_LIGHT_SIGMA_PX: Final = 9.0
_MAX_SHAPE_DEVIATION: Final = 0.12
_MAX_RATIO: Final = 1.5
_LEEWAY: Final = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class _Recipe:
    chosen: npt.NDArray[np.int64]
    shares: F32


def mix_bank(
    bank: FaceBank, out: Path, *, per_gender: int, seed: int, per_file: int = 210
) -> FaceBank:
    """Mix a bank's faces into a new bank and write it to a folder, in files of one gender each.

    Mixed are faces alike in tone, beard and brows, four or five at a time, none with a share
    under .05; the amplitude that mixing takes is given back to textures and shapes. Of a pool
    the mixtures farthest from one another are kept, without the few oddest. The same bank and
    seed give the same faces.

    Raises:
        BankError: there are too few faces of a gender.
    """
    rng = np.random.default_rng(seed)
    parts: list[FaceBank] = []
    for gender in GENDERS:
        mixed = _mix_gender(bank.take(bank.of(gender)), gender, per_gender, rng)
        parts.append(mixed)
        for number, start in enumerate(range(0, len(mixed), per_file)):
            part = mixed.take(np.arange(start, min(start + per_file, len(mixed))))
            part.save(out / f"{gender}_{number}.npz")
    return join_banks(parts)


def _mix_gender(bank: FaceBank, gender: Gender, count: int, rng: np.random.Generator) -> FaceBank:
    if len(bank) < _MIN_BANK:
        raise BankError(
            f"The bank holds {len(bank)} {gender} faces; to mix a new one takes {_MIN_BANK}.",
            advice="Build it from more pictures.",
        )
    textures = np.stack([bank.encoded(i) for i in range(len(bank))])
    mean = np.mean([decode_ratio(texture) for texture in textures], axis=0).astype(np.float32)
    recipes = _draw(bank, _POOL * count, rng)
    order = _spread_out(_features(bank, textures, recipes), count + count // 3, rng)
    made: list[FaceBank] = []
    for index in order:
        face = _make(bank, textures, mean, recipes[index])
        if face is not None:
            made.append(face)
        if len(made) == count:
            break
    return join_banks(made)


def _draw(bank: FaceBank, count: int, rng: np.random.Generator) -> list[_Recipe]:
    """Draw mixtures; every face of the bank leads about equally many."""
    traits = np.column_stack([bank.tone, bank.beard, bank.brow])
    traits = (traits - traits.mean(axis=0)) / (traits.std(axis=0) + 1e-6)
    gaps = np.linalg.norm(traits[:, None] - traits[None], axis=2)
    recipes: list[_Recipe] = []
    while len(recipes) < count:
        for lead in rng.permutation(len(bank)):
            near = np.argsort(gaps[lead], kind="stable")[1 : 1 + _NEIGHBOURS]
            k = K_FACES + int(rng.integers(2))
            others = rng.choice(near, size=k - 1, replace=False)
            recipes.append(_Recipe(np.array([lead, *others], np.int64), draw_shares(rng, k)))
    return recipes[:count]


def _features(bank: FaceBank, textures: U8, recipes: list[_Recipe]) -> F32:
    """Return what tells mixtures apart, f32[R, D]: small textures and shapes, equal in weight."""
    mask = cv2.resize(areas().core, (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA)
    small = np.stack(
        [
            cv2.resize(decode_ratio(t), (_SMALL_PX, _SMALL_PX), interpolation=cv2.INTER_AREA)
            for t in textures
        ]
    )
    small = (small * mask[None, :, :, None]).reshape(len(textures), -1)
    shape = bank.shape.reshape(len(textures), -1)
    blocks: list[F32] = []
    for block in (small, shape):
        deviation = block - block.mean(axis=0)
        mixed = np.stack([amplitude(r.shares) * (r.shares @ deviation[r.chosen]) for r in recipes])
        blocks.append((mixed / np.sqrt((mixed**2).sum(axis=1).mean())).astype(np.float32))
    return np.concatenate(blocks, axis=1)


def _spread_out(features: F32, count: int, rng: np.random.Generator) -> list[int]:
    """Choose greedily what lies farthest from all chosen so far (farthest-point sampling)."""
    reach = np.linalg.norm(features, axis=1)
    allowed = reach <= np.quantile(reach, 1 - _ODD_SHARE)
    # The mean face counts as chosen: a face should be far from it, too.
    gap = np.where(allowed, reach, -1).astype(np.float64)
    gap *= rng.uniform(0.98, 1, len(gap))
    order: list[int] = []
    for _ in range(min(count, int(allowed.sum()))):
        index = int(gap.argmax())
        order.append(index)
        gap = np.minimum(gap, np.linalg.norm(features - features[index], axis=1))
        gap[index] = -1
    return order


def _make(bank: FaceBank, textures: U8, mean: F32, recipe: _Recipe) -> FaceBank | None:
    """Mix one face; None if it shows what a clean face should not."""
    gain = np.float32(amplitude(recipe.shares))
    ratios = np.stack([decode_ratio(textures[i]) for i in recipe.chosen])
    loud = mean + gain * np.tensordot(recipe.shares, ratios - mean, axes=1)
    # Given back in full, deviations that agree overshoot (eyebrows brighter than skin): no texel
    # may leave the range of those that it is made of by more than a little.
    low, high = ratios.min(axis=0) - _LEEWAY, ratios.max(axis=0) + _LEEWAY
    ratio = _even_light(hold_hair(np.clip(loud, low, high).astype(np.float32)))
    measures = measure(ratio)
    if measures.reason(female=bool(bank.female[0])) is not None:
        return None
    middle = load_topology().mean_shape + (bank.shape - load_topology().mean_shape).mean(axis=0)
    moved = gain * np.tensordot(recipe.shares, bank.shape[recipe.chosen] - middle, axes=1)
    moved = np.clip(moved, -_MAX_SHAPE_DEVIATION, _MAX_SHAPE_DEVIATION)

    def mixed(values: F32) -> F32:
        return np.asarray([recipe.shares @ values[recipe.chosen]], np.float32)

    return FaceBank(
        webp=(encode_webp(encode_ratio(ratio)),),
        shape=(middle + moved)[None].astype(np.float32),
        age_years=mixed(bank.age_years),
        female=bank.female[:1],
        tone=mixed(bank.tone),
        beard=np.array([measures.beard], np.float32),
        brow=np.array([brow_score(ratio)], np.float32),
        num_mixed=np.array([len(recipe.chosen)], np.uint8),
    )


def _even_light(ratio: F32) -> F32:
    """Return the texture with the same broad shading on both halves."""
    broad = blur(ratio, _LIGHT_SIGMA_PX)
    even = ratio + (broad[:, ::-1] - broad) / 2
    return np.clip(even, -_MAX_RATIO, _MAX_RATIO).astype(np.float32)
