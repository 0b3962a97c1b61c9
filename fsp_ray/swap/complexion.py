"""The synthetic face's ratios, fitted to the skin that they are put on.

Nothing of the source's drawing is taken over, only how strong things are: a number for each band
of detail, for each part of a beard, for each channel, for the lips.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from fsp_ray.core.face_types import F32, TEXTURE_PX, SourceFace, SyntheticFace
from fsp_ray.swap.lowpass import OFFSET, low_pass_light, resize
from fsp_ray.swap.masks import (
    beard_masks,
    feature_mask,
    halve,
    lip_mask,
    plain_mask,
    rim_mask,
    skin_mask,
)
from fsp_ray.synthesis.texture import blur, decode_ratio, grey

_HALF_PX: Final = TEXTURE_PX // 2
_TONE_GAIN: Final = (0.5, 1.5)
# Of skin: log R/G and log B/G, added up. Film without colour has none.
_COLOURED: Final = 0.25
# How far lips go to the source's mean, in n; and what must be seen of them, texels of 128².
_LIP_SHARE, _MAX_LIP_CHANGE = 0.9, 0.7
_LEAST_SEEN: Final = 20.0
# Bands of detail: widths of Gaussians in texels of the 256² texture, and how much stronger than
# the source's they may be. Fine lines tell an age; broad folds look carved.
_BANDS: Final = ((1.2, 1.6), (2.4, 1.6), (4.8, 1.5), (9.6, 1.15), (19.2, 1.15))
# Old skin has more of both than low-pass light lets one see; a face that reads too young is made
# older, and must be let: by how much more, at which age.
_OLDER_YEARS, _ROUGHER = (40.0, 110.0), (1.0, 2.2)
# Where the source is smoother still, so much is left.
_LEAST_GAIN: Final = 0.2
# The finest bands hold noise, too.
_GRAIN_SIGMA, _NOISY_VIEWS = 2.4, 6
# What is darker or brighter than this, in n, is hair or glare: no fold.
_FOLD: Final = 0.4
_BEARD_SHARE, _MAX_BEARD_CHANGE = 0.8, 0.5
# What is darker than the rest of the skin by less than the first, in n, is the shadow of nose and
# lips, by more than the second a beard.
_SHADOW: Final = (0.08, 0.2)
_GROWN_YEARS: Final = 16.0
# What must be seen to be measured: texels of 128², and share of a part of the beard.
_LEAST_PART, _LEAST_BEARD = 60.0, 0.2
# How far a channel of skin may lie from the mean of all, in n.
_REDDEST: Final = 0.15
# Any grey level, far from black.
_LEVEL: Final = 128.0


def fitted(face: SyntheticFace, source: SourceFace) -> F32:
    """Return the face's ratios n, f32[256, 256, 3], as they look best on the source's skin."""
    log_ratio = as_smooth_as(levelled(decode_ratio(face.texture)), source, face.age_years)
    bearded = face.gender == "male" and face.age_years >= _GROWN_YEARS
    log_ratio = as_shaven_as(log_ratio, source, bearded=bearded)
    log_ratio = without_stains(log_ratio)
    log_ratio = with_lips_of(log_ratio * _tone_curve(log_ratio, source), source)
    return as_coloured_as(log_ratio, source)


def levelled(log_ratio: F32) -> F32:
    """Return the ratios to the low pass that frames are measured with.

    Without, a face whose skin is darker altogether would differ from ears and neck.
    """
    image = np.float32(_LEVEL) * np.exp(halve(log_ratio))
    light = low_pass_light(image, np.ones((_HALF_PX, _HALF_PX), np.float32))
    return log_ratio - resize(np.log(light / np.float32(_LEVEL + OFFSET)), TEXTURE_PX)


def as_smooth_as(log_ratio: F32, source: SourceFace, age_years: float) -> F32:
    """Return the ratios with folds hardly deeper than the source's skin shows in its light.

    One number for each band of detail and part of the skin. What is smoother stays as it is.

    Args:
        log_ratio: f32[256, 256, 3].
        source: whose skin it goes on.
        age_years: that the face is made for; old faces may be somewhat rougher.
    """
    older = float(np.interp(age_years, _OLDER_YEARS, _ROUGHER))
    rest = grey(log_ratio)
    change = np.zeros_like(rest)
    for (sigma, usual), allowed in zip(_BANDS, _strengths(source), strict=True):
        rougher = older * usual
        coarser = blur(rest, sigma)
        band = rest - coarser
        band_half, coarser_half = halve(band), halve(coarser)
        weaker = np.zeros_like(rest)
        for (part, plain), theirs in zip(_fold_parts(), allowed, strict=True):
            own = _strength(band_half, coarser_half, plain)
            if theirs > 0 and own > rougher * theirs:
                weaker += np.float32(max(rougher * theirs / own, _LEAST_GAIN) - 1) * part
        change += weaker * band
        rest = coarser
    return log_ratio + change[:, :, None]


@functools.lru_cache(maxsize=2)  # many faces are tried on one source
def _strengths(source: SourceFace) -> tuple[tuple[float, ...], ...]:
    """Return how strong each band is on each part of the source's skin; 0 where none is seen."""
    rest, seen = grey(own_ratio(source)), halve(source.weight)
    level, bands = rest, list[tuple[float, ...]]()
    for sigma, _ in _BANDS:
        coarser = blur(rest, sigma / 2)
        band = rest - coarser
        # A mean of many views has lost their noise, of which a frame has all.
        noise = min(source.num_views, _NOISY_VIEWS) ** 0.5 if sigma <= _GRAIN_SIGMA else 1.0
        bands.append(
            tuple(noise * _strength(band, level, where * seen) for _, where in _fold_parts())
        )
        rest = coarser
    return tuple(bands)


def _strength(band: F32, level: F32, weight: F32) -> float:
    """Return the root mean square of a band where neither hair nor glare is; 0 for unknown."""
    weight = weight * (np.abs(level) < _FOLD)
    total = float(weight.sum())
    return float(np.sqrt((weight * band * band).sum() / total)) if total > _LEAST_PART else 0.0


def as_shaven_as(log_ratio: F32, source: SourceFace, *, bearded: bool) -> F32:
    """Return the ratios with upper lip, chin and jaw about as dark as the source's.

    A number for each: a shaven man gets no dark upper lip, a bearded one no bare cheek over the
    beard that goes on below the jaw.

    Args:
        log_ratio: f32[256, 256, 3].
        source: whose beard it is to be.
        bearded: whether it may grow; else what is dark there is a shadow, and stays away.
    """
    wanted, known = _beard(source)
    own = log_ratio[::2, ::2].reshape(-1, 3)
    have = _half_beard() @ own
    # Light that skin throws back is red, and so are its shadows; hair is dark in red, too.
    dark, (shadow, hair) = wanted[:, :1], _SHADOW
    beard = wanted * np.clip((-dark - shadow) / (hair - shadow), 0, 1)
    surplus, depth = (x.mean(axis=1, keepdims=True) for x in (beard - have, have))
    shaved = np.clip(surplus / np.maximum(-depth, 1e-2), 0, 1)
    grown = np.clip(beard - have, -_MAX_BEARD_CHANGE, 0) * (surplus < 0) * bearded
    change = _BEARD_SHARE * known * np.concatenate([shaved, grown], axis=1)
    change = np.dstack(beard_masks()).reshape(-1, 3) @ change.astype(np.float32)
    change = change.reshape(*log_ratio.shape[:2], 4)
    # Shaving takes from what is dark its share, growing darkens all alike.
    shaved = change[:, :, :1] * np.minimum(log_ratio, 0)
    return np.asarray(log_ratio - shaved + change[:, :, 1:], np.float32)


@functools.lru_cache(maxsize=2)  # many faces are tried on one source
def _beard(source: SourceFace) -> tuple[F32, F32]:
    """Return the mean n of each part of the source's beard, f32[3, 3], and which are seen, 0/1."""
    seen = _half_beard() * halve(source.weight).ravel()
    total = seen.sum(axis=1, keepdims=True)
    mean = seen @ own_ratio(source).reshape(-1, 3) / np.maximum(total, 1e-6)
    return np.asarray(mean, np.float32), (total > _LEAST_BEARD).astype(np.float32)


@functools.cache
def _half_beard() -> F32:
    """Return the parts of the beard, f32[3, 16384], each with a sum of 1."""
    parts = np.stack([halve(part).ravel() for part in beard_masks()])
    return np.asarray(parts / parts.sum(axis=1, keepdims=True), np.float32)


def without_stains(log_ratio: F32) -> F32:
    """Return the ratios with no skin much redder than the rest, as nostrils often are."""
    level = grey(log_ratio)[:, :, None]
    colour = log_ratio - level
    calm = colour / np.sqrt(1 + (colour / np.float32(_REDDEST)) ** 2)
    return np.asarray(level + calm + lip_mask()[:, :, None] * (colour - calm), np.float32)


def _tone_curve(log_ratio: F32, source: SourceFace) -> F32:
    """Return f32[3], how much more each channel's contrast is to be than it is.

    A warm grade leaves red skin hardly any contrast and blue much: shadows of equal ratios in
    all channels would look grey in it. Green, which stands for luminance, is left as it is.
    """
    theirs, seen = own_ratio(source), halve(source.weight)
    weight = (halve(feature_mask()) * (seen + np.float32(1e-3)))[:, :, None]
    spreads = [
        np.sqrt((weight * values * values).sum(axis=(0, 1)) / weight.sum())
        for values in (theirs, log_ratio[::2, ::2])
    ]
    wanted, own = (spread / max(float(spread[1]), 1e-4) for spread in spreads)
    return np.clip(wanted / np.maximum(own, 1e-4), *_TONE_GAIN).astype(np.float32)


def with_lips_of(log_ratio: F32, source: SourceFace) -> F32:
    """Return the ratios with lips about as red and dark against the skin as the source's.

    Their mean alone, three numbers, not their drawing: lips as pale as skin hide whether a mouth
    is open, and nobody paints theirs in the middle of a video.
    """
    lips = halve(lip_mask())
    seen = lips * halve(source.weight)
    if seen.sum() < _LEAST_SEEN:
        return log_ratio
    theirs = (seen[:, :, None] * own_ratio(source)).sum(axis=(0, 1)) / seen.sum()
    own = (lips[:, :, None] * log_ratio[::2, ::2]).sum(axis=(0, 1)) / lips.sum()
    change = np.float32(_LIP_SHARE) * np.clip(theirs - own, -_MAX_LIP_CHANGE, _MAX_LIP_CHANGE)
    return np.asarray(log_ratio + lip_mask()[:, :, None] * change, np.float32)


def as_coloured_as(log_ratio: F32, source: SourceFace) -> F32:
    """Return the ratios with less colour where the source's skin has little, as in old films."""
    share = np.float32(_colour_share(source))
    if share == 1:
        return log_ratio
    level = grey(log_ratio)[:, :, None]
    return np.asarray(level + share * (log_ratio - level), np.float32)


@functools.lru_cache(maxsize=2)  # many faces are tried on one source
def own_ratio(source: SourceFace) -> F32:
    """Return log((T + 4) / (LP(T) + 4)) of the source's mean texture, f32[128, 128, 3]."""
    texture = halve(source.texture)
    light = low_pass_light(texture, halve(source.weight))
    return np.log((texture + np.float32(OFFSET)) / resize(light, _HALF_PX))


@functools.lru_cache(maxsize=2)  # many faces are tried on one source
def _colour_share(source: SourceFace) -> float:
    skin = source.texture[(skin_mask() > 0) & (source.weight > 0)].astype(np.float32)
    if len(skin) == 0:
        return 1.0
    red, green, blue = np.median(skin, axis=0) + 1
    return float(np.clip((abs(np.log(red / green)) + abs(np.log(blue / green))) / _COLOURED, 0, 1))


@functools.cache
def _fold_parts() -> tuple[tuple[F32, F32], ...]:
    """Return plain skin above the mouth, that about it, and nose and sockets of the eyes.

    Each as f32[256, 256], where it is, and f32[128, 128], where its strength is measured.
    """
    beard = np.clip(sum(beard_masks()), 0, 1)
    plain, skin = plain_mask(), skin_mask()
    inner = 1 - np.clip(blur(plain, 3.0) * 1.5, 0, 1)
    inner *= 1 - rim_mask()
    parts = [
        ((1 - beard) * (1 - inner), plain * (beard < 0.5)),
        (beard, plain * (beard > 0.5)),
        ((1 - beard) * inner, skin * inner * (beard < 0.5)),
    ]
    soft = blur(skin, 2.0)
    return tuple((np.asarray(soft * part, np.float32), halve(where)) for part, where in parts)
