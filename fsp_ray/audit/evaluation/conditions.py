"""What is done to a portrait before it is judged: nothing, cover, blur, or a synthetic face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import cv2
import numpy as np

from fsp_ray.audit.evaluation.portraits import Portrait
from fsp_ray.core.ages import MAX_AGE_YEARS, Gender
from fsp_ray.core.face_types import (
    DETECTED,
    F32,
    U8,
    Choice,
    FaceReading,
    HeadView,
    SourceFace,
    Track,
)
from fsp_ray.core.protocols import FaceChooser, FaceGenerator, FaceSwapper, Models
from fsp_ray.faces import SWAP, BestViews, Observation, replacement_modes
from fsp_ray.faces.geometry import overlap_of_smaller
from fsp_ray.swap import cover
from fsp_ray.synthesis import SourceFaceBuilder

# deface 1.5.0, as it comes: --mask-scale 1.3 moves every side of a box out by .3 of the box, and
# the blur is a box filter half as large as the result, inside of its ellipse.
_DEFACE_MASK_SCALE: Final = 1.3
_DEFACE_BLUR: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Replaced:
    """A portrait after.

    Attributes:
        rgb: u8[H, W, 3].
        covered: whether the face was covered where a synthetic one was asked for.
        reading: how the synthetic face reads, for the next faces of the run to keep away from.
    """

    rgb: U8
    covered: bool = False
    reading: FaceReading | None = None


class Replacer(Protocol):
    """One condition: what is done to every portrait. Leaves the portrait itself as it is."""

    def replace(
        self, portrait: Portrait, rng: np.random.Generator, taken: Sequence[FaceReading] = ()
    ) -> Replaced:
        """Return the picture after; `taken` are readings of the same run."""
        ...


class FaceMaker(Protocol):
    """Makes the face that goes on a head, seen in `views`."""

    def make(
        self,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        views: Sequence[HeadView],
        rng: np.random.Generator,
        taken: Sequence[FaceReading],
    ) -> Choice:
        """Return a face of nobody, unlike those taken."""
        ...


LookAt = Callable[[U8, F32, float], HeadView | None]
"""Cuts a look at a head out of a frame: (rgb, points, weight)."""


def whole_picture(rgb: U8, points: F32, weight: float) -> HeadView | None:
    """Return the whole picture as a look at the head."""
    return HeadView(rgb, points, weight)


class Unchanged:
    """Nothing is done: what the recognisers say of two looks at one picture."""

    def replace(
        self, portrait: Portrait, rng: np.random.Generator, taken: Sequence[FaceReading] = ()
    ) -> Replaced:
        """Return the picture itself."""
        return Replaced(portrait.rgb)


class Covered:
    """The cover, for everybody."""

    def replace(
        self, portrait: Portrait, rng: np.random.Generator, taken: Sequence[FaceReading] = ()
    ) -> Replaced:
        """Return the covered picture."""
        return Replaced(_covered(portrait))


class Blurred:
    """A blur as deface 1.5.0 draws it by default, on the box of the detector for judging."""

    def __init__(self, models: Models) -> None:
        self._detector = models.recall_detector

    def replace(
        self, portrait: Portrait, rng: np.random.Generator, taken: Sequence[FaceReading] = ()
    ) -> Replaced:
        """Return the blurred picture; a face that the detector misses stays, as it would there."""
        rgb = portrait.rgb.copy()
        faces = self._detector.detect(rgb[None])
        over = overlap_of_smaller(portrait.xyxy[None], faces.xyxy)[0]
        for xyxy in faces.xyxy[over > 0]:
            blur_as_deface(rgb, xyxy)
        return Replaced(rgb)


class Synthetic:
    """A synthetic face, by the steps of the pipeline for a video of one frame, less its audit.

    Args:
        models: read age and gender.
        maker: makes the face.
        swapper: puts it on.
        look: cuts the head out of a picture as the pipeline does, given the mesh and a weight.
    """

    def __init__(
        self, models: Models, maker: FaceMaker, swapper: FaceSwapper, look: LookAt = whole_picture
    ) -> None:
        self._attributes = models.attributes
        self._maker = maker
        self._swapper = swapper
        self._look = look

    def replace(
        self, portrait: Portrait, rng: np.random.Generator, taken: Sequence[FaceReading] = ()
    ) -> Replaced:
        """Return the picture with a synthetic face, or with a cover where the pipeline covers."""
        weight = _frontal_weight(portrait)
        if weight == 0 or replacement_modes(_track(portrait))[0] != SWAP:
            return Replaced(_covered(portrait), covered=True)
        builder = SourceFaceBuilder()
        builder.add(portrait.rgb, portrait.points, weight)
        source, view = builder.build(), self._look(portrait.rgb, portrait.points, weight)
        if source is None or view is None:
            return Replaced(_covered(portrait), covered=True)
        read = self._attributes.estimate(portrait.rgb, portrait.landmarks)
        gender: Gender = "female" if read.female_probability[0] >= 0.5 else "male"
        age_years = float(np.clip(read.age_years[0], 0, MAX_AGE_YEARS))
        choice = self._maker.make(age_years, gender, source, [view], rng, taken)
        rgb = portrait.rgb.copy()
        try:
            self._swapper.session(choice.face, source).apply(rgb, portrait.points)
        except ValueError:  # nothing was drawn: the pipeline covers such a face
            return Replaced(_covered(portrait), covered=True)
        return Replaced(rgb, reading=choice.reading)


class Generated:
    """Makes faces with a generator alone, without choosing."""

    def __init__(self, generator: FaceGenerator) -> None:
        self._generator = generator

    def make(
        self,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        views: Sequence[HeadView],
        rng: np.random.Generator,
        taken: Sequence[FaceReading],
    ) -> Choice:
        """Return the first face drawn."""
        face = self._generator.generate("evaluated", age_years, gender, source, rng)
        return Choice(face, FaceReading(()))


class Chosen:
    """Makes faces with the pipeline's chooser."""

    def __init__(self, chooser: FaceChooser) -> None:
        self._chooser = chooser

    def make(
        self,
        age_years: float,
        gender: Gender,
        source: SourceFace,
        views: Sequence[HeadView],
        rng: np.random.Generator,
        taken: Sequence[FaceReading],
    ) -> Choice:
        """Return the face chosen."""
        return self._chooser.choose("evaluated", age_years, gender, source, views, rng, taken=taken)


def blur_as_deface(rgb: U8, xyxy: F32) -> None:
    """Blur an ellipse in place, as deface 1.5.0 does with the box of a detection f32[4]."""
    height, width = rgb.shape[:2]
    grow = _DEFACE_MASK_SCALE - 1
    x1, y1, x2, y2 = (int(v) for v in xyxy)
    wide, high = x2 - x1, y2 - y1
    left, right = max(0, round(x1 - grow * wide)), min(width - 1, round(x2 + grow * wide))
    top, bottom = max(0, round(y1 - grow * high)), min(height - 1, round(y2 + grow * high))
    box = rgb[top:bottom, left:right]
    kernel = ((right - left) // _DEFACE_BLUR, (bottom - top) // _DEFACE_BLUR)
    if min(kernel) < 1:
        return
    blurred: Any = cv2.blur(box, kernel)
    y, x = np.ogrid[: bottom - top, : right - left]
    half_y, half_x = (bottom - top) // 2, (right - left) // 2
    inside = ((y - half_y) / half_y) ** 2 + ((x - half_x) / half_x) ** 2 < 1
    np.copyto(box, blurred, where=np.asarray(inside)[:, :, None])


def _covered(portrait: Portrait) -> U8:
    rgb = portrait.rgb.copy()
    cover(rgb, portrait.xyxy, portrait.points)
    return rgb


def _frontal_weight(portrait: Portrait) -> float:
    """Return how much the portrait counts as a look at the head; 0 if it is not averaged."""
    presence = float(portrait.landmarks.presence[0])
    seen = Observation(0, "portrait", 0, portrait.points, presence, 1.0)
    return sum(view.weight for view in BestViews().choose([seen], [1.0]) if view.frontal)


def _track(portrait: Portrait) -> Track:
    return Track(
        track_id="portrait",
        pts=np.zeros(1, np.int64),
        xyxy=portrait.xyxy[None],
        points=portrait.landmarks.points,
        presence=portrait.landmarks.presence,
        det_score=np.ones(1, np.float32),
        origin=np.full(1, DETECTED, np.uint8),
    )
