"""Eyes of nobody: drawn into the opening of the lids, looking where the source looks."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.face_types import F32, U8, SourceFace, SyntheticFace
from fsp_ray.faces.geometry import F64
from fsp_ray.swap.gaze import EYES, IRIS_RADIUS, EyeFrame, Look, eye_frame, look_at
from fsp_ray.swap.layout import own_number
from fsp_ray.swap.lids import FOLDS, draw_lid, unfolded
from fsp_ray.swap.raster import Window
from fsp_ray.synthesis.texture import brow_score, decode_ratio, log_ratio, skin_tone

_GREY: Final = np.array([0.299, 0.587, 0.114])
# Colours of the iris as shares of the white beside it, red, green, blue.
_BROWN_DARK: Final = (0.22, 0.15, 0.12)
_BROWN: Final = (0.34, 0.22, 0.15)
_HAZEL: Final = (0.42, 0.34, 0.22)
_GREEN: Final = (0.40, 0.43, 0.34)
_BLUE: Final = (0.36, 0.45, 0.54)
_GREY_BLUE: Final = (0.44, 0.48, 0.52)
_COLOURS: Final = np.array([_BROWN_DARK, _BROWN, _HAZEL, _GREEN, _BLUE, _GREY_BLUE])
# How common they are, with dark skin or brows and with light ones.
_COMMON_DARK: Final = np.array([0.55, 0.42, 0.03, 0, 0, 0])
_COMMON_LIGHT: Final = np.array([0.06, 0.26, 0.2, 0.14, 0.2, 0.14])
# Log luminance of brows and share of light in skin between which the one becomes the other.
# The source's brows go with the hair that is still there; made ones are darker than people's.
_DARK_BROWS, _LIGHT_BROWS = -0.75, -0.35
_DARK_HAIR, _LIGHT_HAIR = -0.45, -0.15
_DARK_SKIN, _LIGHT_SKIN = 0.45, 0.68
# Lids nearer than this, in eye widths, show no eye; from the second on, all of it.
_SHUT, _OPEN = 0.03, 0.08
# Lids shut by more are no longer looked between.
_FALLING: Final = 0.23
# Eyes smaller than this are a few pixels of the source's, softened; larger ones are drawn.
_SMALL_PX, _CLEAR_PX = 6.0, 14.0
# The white of an eye against the skin's light: in the lids' shade less of it, and never a lamp.
_WHITE_RANGE: Final = (0.65, 1.4)
_WHITE_COLOUR: Final = 0.65
_UNSHADED: Final = 1.15
_COLOUR_RATE: Final = 0.25
# The iris is drawn a little larger than it is looked for: with the dark ring about it.
_DRAWN_RADIUS: Final = (1.06, 1.14)
# A gaze is held still, but leaps are followed at once.
_GAZE_RATE: Final = 0.3
_LEAP: Final = 0.06
# Eyes that far apart in their places, in eye widths, are a wrong measure.
_SQUINT: Final = 0.08
# How dark an iris may be against the white, by how much its whole disc stands out.
_DARKEST: Final = 1.9
_PUPIL: Final = 0.4
_LIMBUS: Final = 0.16
_MARGIN_PX: Final = 2
_CLOUDING: Final = 0.1
# A change of light beyond this, log, is a flash.
_FLASH: Final = 0.15
# In eye widths: how far over the upper rim the eye is drawn, under the lashes; and the gap from
# which on it is: towards the corners the lids lie on one another.
_OVER_RIM: Final = 0.03
_SLIT: Final = 0.035


@dataclass(frozen=True, slots=True)
class _Seen:
    """An eye's state, smoothed over frames; the white in the light f64[3] of its last frame."""

    place: F64
    light: F64
    white: F64
    contrast: float
    glint: F64
    glint_strength: float


class EyePainter:
    """Draws both eyes of one track; keeps gaze and light smooth from frame to frame."""

    def __init__(self, face: SyntheticFace, source: SourceFace) -> None:
        rng = own_number(face)
        self._iris = iris_colour(face, source, rng)
        self._radius = IRIS_RADIUS * float(rng.uniform(*_DRAWN_RADIUS))
        self._fibres = rng.uniform(-1, 1, (4, 2))
        self._seen: list[_Seen | None] = [None, None]

    def paint(
        self,
        picture: U8,
        window: Window,
        rgb: U8,
        read: F32,
        drawn: F32,
        light: F64,
        blur_px: float,
        closed: float,
    ) -> None:
        """Draw both eyes over the window, in place.

        Args:
            picture: u8[h, w, 3], the window of the frame that the face is drawn into.
            window: of the frame.
            rgb: u8[H, W, 3], the frame as it was.
            read, drawn: f32[>=468, 3], the mesh as it lies in the frame, and where it goes.
            light: f64[2, 3], the skin's light about both eyes, grey levels.
            blur_px: how soft the video is.
            closed: how far the lids are drawn to against how they were read, as `Lids.follow` says.
        """
        frames = [eye_frame(read, rims) for rims in EYES]
        looks = [
            look_at(rgb, frame) if frame and frame.opening > _SHUT else None for frame in frames
        ]
        self._follow(frames, looks, closed < _FALLING, light)
        for seen, rims, fold in zip(self._seen, EYES, FOLDS, strict=True):
            target = eye_frame(drawn, rims)
            if target is None:
                continue
            clear = _clarity([target])
            if clear * unfolded(closed) > 0:
                above = target.inside(drawn[list(fold)])
                draw_lid(picture, window, target, above, clear * unfolded(closed))
            share = clear * _openness(target)
            if share > 0 and seen is not None:
                self._paint_one(picture, window, target, seen, share, blur_px)

    def _follow(
        self,
        frames: Sequence[EyeFrame | None],
        looks: Sequence[Look | None],
        wide: bool,
        light: F64,
    ) -> None:
        """Take what both eyes show into account; they look the same way."""
        sure = np.array([look.sure if look else 0.0 for look in looks]) + 1e-6
        places = [look.place if look else np.zeros(2) for look in looks]
        # Where nothing is sure, straight on.
        both = (sure[:, None] * np.stack(places)).sum(axis=0) / (sure.sum() + 0.1)
        for index, (frame, look) in enumerate(zip(frames, looks, strict=True)):
            if frame is None or look is None:
                continue
            apart = float(np.abs(look.place - both).max())
            trust = 0.5 * look.sure * float(np.clip(2 - apart / _SQUINT, 0, 1))
            place = _within(frame, trust * look.place + (1 - trust) * both)
            white = _plausible_white(look.white, light[index])
            before = self._seen[index]
            now = _Seen(place, light[index], white, look.contrast, look.glint, look.glint_strength)
            if before is None:
                self._seen[index] = now
                continue
            leap = float(np.hypot(*(place - before.place))) / _LEAP
            rate = min(1.0, max(_GAZE_RATE, leap)) * float(np.clip(3 * sure.max(), 0, 1))
            # Lashes of a falling lid are no iris, nor is its skin a white.
            self._seen[index] = _followed(before, now, wide * rate, wide * _COLOUR_RATE)

    def _paint_one(
        self, picture: U8, window: Window, eye: EyeFrame, seen: _Seen, share: float, blur_px: float
    ) -> None:
        box = _box(eye, window, picture.shape)
        if box is None:
            return
        left, top, right, bottom = box
        x = np.arange(left, right) + 0.5 + window.left - eye.middle[0]
        y = np.arange(top, bottom)[:, None] + 0.5 + window.top - eye.middle[1]
        inverse = np.linalg.inv(eye.axes)
        a = inverse[0, 0] * x + inverse[0, 1] * y
        b = inverse[1, 0] * x + inverse[1, 1] * y
        below = b - np.interp(a, eye.upper[:, 0], eye.upper[:, 1])
        above = np.interp(a, eye.lower[:, 0], eye.lower[:, 1]) - b
        soft = max(1.0, blur_px)
        down_px = float(np.hypot(*eye.axes[:, 1]))
        # A little over the upper rim, where the texture lets the source's own lid through.
        cover = np.clip(np.minimum(below + _OVER_RIM, above) * down_px / soft + 0.5, 0, 1)
        cover *= np.clip((below + above - _SLIT) / _SLIT, 0, 1) * share
        cover *= (a > eye.upper[0, 0]) & (a < eye.upper[-1, 0])
        ball = self._ball(a, b, below, above, seen, 1 / eye.width_px)
        if blur_px > 0.4:
            ball = cv2.GaussianBlur(ball, (0, 0), blur_px)
        view = picture[top:bottom, left:right]
        alpha = cover.astype(np.float32)
        view[:] = cv2.blendLinear(
            np.clip(ball, 0, 255).astype(np.uint8), view, alpha, np.float32(1) - alpha
        )

    def _ball(self, a: F64, b: F64, below: F64, above: F64, seen: _Seen, pixel: float) -> F32:
        """Return the eyeball f32[h, w, 3]: white, iris, pupil, glint, in the lids' shade."""
        from_iris_a, from_iris_b = a - seen.place[0], b - seen.place[1]
        distance = np.hypot(from_iris_a, from_iris_b) / self._radius
        edge = pixel / self._radius
        white = seen.white * (1 - 0.9 * np.minimum(a * a, 0.25))[:, :, None]
        corner = np.clip(1 - (0.5 - np.abs(a)) / 0.07, 0, 1)[:, :, None]
        white = white * (1 - corner * np.array([0.1, 0.24, 0.22]))
        iris = self._shaded_iris(from_iris_a, from_iris_b, distance, seen)
        alpha = np.clip((1 - distance) / max(_LIMBUS, edge) + 0.5, 0, 1)[:, :, None]
        ball = white + alpha * (iris - white)
        pupil = np.clip((_PUPIL - distance) / max(0.1, edge) + 0.5, 0, 1)
        depth = 0.75 * np.clip(seen.contrast / 0.35, 0.5, 1)
        ball *= (1 - depth * pupil)[:, :, None]
        ball *= _lid_shade(below, above)[:, :, None]
        at = np.clip(seen.glint, -0.5, 0.5) * self._radius
        near = np.hypot(from_iris_a - at[0], from_iris_b - at[1]) / self._radius
        spark = seen.glint_strength * np.exp(-((near / max(0.2, edge)) ** 2))
        return (ball + (1.1 * seen.white - ball).clip(0) * spark[:, :, None]).astype(np.float32)

    def _shaded_iris(self, a: F64, b: F64, distance: F64, seen: _Seen) -> F64:
        """Return the iris: fibres, a dark ring, lighter opposite of where the light comes in."""
        angle = np.arctan2(b, a)
        fibres = sum(
            amount * np.sin((5 + 4 * number) * angle + 3 * phase)
            for number, (amount, phase) in enumerate(self._fibres)
        )
        shade = 1 + 0.07 * np.asarray(fibres) * (distance < 1.1)
        shade *= 1 - 0.4 * np.clip((distance - 0.7) / 0.3, 0, 1)
        shade *= 1.05 + 0.3 * np.clip(b / self._radius, -1, 1)
        colour = _as_coloured_as(self._iris, seen.white)
        # Never clearer than the source's own: haze, blur and shade lie over both.
        dark = 1 - float(colour @ _GREY)
        colour = 1 - min(1.0, _DARKEST * seen.contrast / dark) * (1 - colour)
        return seen.white * colour * shade[:, :, None]


def iris_colour(face: SyntheticFace, source: SourceFace, rng: np.random.Generator) -> F64:
    """Return the iris' colour as shares of the white's, f64[3], as likely with brows and skin."""
    brows = brow_score(decode_ratio(face.texture))
    fair = np.clip((brows - _DARK_BROWS) / (_LIGHT_BROWS - _DARK_BROWS), 0, 1)
    fair *= _fairness(source)
    common = (1 - fair) * _COMMON_DARK + fair * _COMMON_LIGHT
    return _COLOURS[rng.choice(len(common), p=common / common.sum())] * rng.uniform(0.9, 1.1)


@functools.lru_cache(maxsize=2)  # many faces are tried on one source
def _fairness(source: SourceFace) -> float:
    """Return how fair hair and skin about the face are, 0..1; 0 where no skin shows."""
    brows = brow_score(log_ratio(source.texture, source.weight))
    try:
        luminance = float(skin_tone(source.texture, source.weight)[2])
    except ValueError:
        return 0.0
    hair = np.clip((brows - _DARK_HAIR) / (_LIGHT_HAIR - _DARK_HAIR), 0, 1)
    skin = np.clip((luminance - _DARK_SKIN) / (_LIGHT_SKIN - _DARK_SKIN), 0, 1)
    return float(hair * skin)


def _as_coloured_as(iris: F64, white: F64) -> F64:
    """Return the iris without its colour where the picture has none, as in old films."""
    chroma = float(white.max() - white.min()) / max(float(white.max()), 1.0)
    grey = float(iris @ _GREY)
    return grey + (iris - grey) * float(np.clip(chroma / 0.05, 0, 1))


def _plausible_white(white: F64, light: F64) -> F64:
    """Return the white, not much brighter or darker than the skin about it, nor much coloured."""
    level, skin = float(white @ _GREY), max(float(light @ _GREY), 1.0)
    bound = float(np.clip(level, _WHITE_RANGE[0] * skin, min(_WHITE_RANGE[1] * skin, 245)))
    white = white * (bound / max(level, 1.0))
    # What was seen lies in the lids' shade; what is drawn gets it yet.
    return _UNSHADED * (_WHITE_COLOUR * white + (1 - _WHITE_COLOUR) * bound)


def _followed(before: _Seen, now: _Seen, rate: float, slow: float) -> _Seen:
    """Return what is seen, gone from `before` towards `now`: gaze by one share, colours by another.

    In another light, a white is at once as much lighter; in a flash, all is as clear as it is now.
    """
    lit = np.maximum(now.light, 1) / np.maximum(before.light, 1)
    flash = float(np.clip(np.abs(np.log(lit)).max() / _FLASH - 1, 0, 1))
    white, dimmer = before.white * lit, now.contrast < before.contrast
    # Clear eyes stay clear when a lamp glances off them.
    clearing = max(slow * (_CLOUDING if dimmer else 1), flash)
    return _Seen(
        before.place + rate * (now.place - before.place),
        now.light,
        white + max(slow, flash) * (now.white - white),
        before.contrast + clearing * (now.contrast - before.contrast),
        before.glint + slow * (now.glint - before.glint),
        before.glint_strength + slow * (now.glint_strength - before.glint_strength),
    )


def _clarity(eyes: Sequence[EyeFrame | None]) -> float:
    """Return how much can be seen of eyes of their size, 0..1."""
    width_px = max((eye.width_px for eye in eyes if eye), default=0.0)
    return float(np.clip((width_px - _SMALL_PX) / (_CLEAR_PX - _SMALL_PX), 0, 1))


def _within(eye: EyeFrame, place: F64) -> F64:
    """Return an iris' place so that the lids show most of it: white alone looks like no eye."""
    upper = float(np.interp(place[0], eye.upper[:, 0], eye.upper[:, 1]))
    lower = float(np.interp(place[0], eye.lower[:, 0], eye.lower[:, 1]))
    slack = max(0.2 * (lower - upper), (lower - upper) / 2 - 0.5 * IRIS_RADIUS)
    middle = (upper + lower) / 2
    return np.array([place[0], np.clip(place[1], middle - slack, middle + slack)])


def _openness(eye: EyeFrame) -> float:
    """Return how much of an eye there is to see between its lids, 0..1."""
    return float(np.clip((eye.opening - _SHUT) / (_OPEN - _SHUT), 0, 1))


def _lid_shade(below: F64, above: F64) -> F64:
    """Return the shade of lids and lashes: dark under the upper one, hardly over the lower."""
    upper = 0.65 * np.exp(-np.maximum(below, 0) / 0.055)
    lower = 0.2 * np.exp(-np.maximum(above, 0) / 0.02)
    return (1 - upper) * (1 - lower)


def _box(eye: EyeFrame, window: Window, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return the part of the window that the opening covers, or None."""
    rims = np.concatenate([eye.upper, eye.lower]) @ eye.axes.T + eye.middle
    rims -= (window.left, window.top)
    low = np.floor(rims.min(axis=0)).astype(int) - _MARGIN_PX
    high = np.ceil(rims.max(axis=0)).astype(int) + _MARGIN_PX
    left, right = np.clip([low[0], high[0]], 0, shape[1])
    top, bottom = np.clip([low[1], high[1]], 0, shape[0])
    if left >= right or top >= bottom:
        return None
    return int(left), int(top), int(right), int(bottom)
