"""What faces swappers break on, as short takes made from pictures of faces that nobody has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fsp_ray.core.ages import Gender
from fsp_ray.core.face_types import F32, U8, HeadView, Landmarks, SourceFace
from fsp_ray.core.protocols import Models
from fsp_ray.faces import rois_from_detections, rois_from_landmarks
from fsp_ray.stages.head_views import cut_head, pick_views
from fsp_ray.swap import MeshSwapper, SwapSettings
from fsp_ray.swap.choosing import FaceChooser
from fsp_ray.synthesis import BankGenerator, FaceBank, SourceFaceBuilder

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "synthetic_faces"

Frames = list[U8]
Change = Callable[[U8, F32], Frames]
"""Makes the frames of a take from a portrait u8[H, W, 3] and its mesh f32[468, 3]."""


@dataclass(frozen=True)
class HardPicture:
    """A portrait and what makes it hard; the last frame of the take is the one to look at."""

    name: str
    file: str
    change: Change


@dataclass(frozen=True)
class Take:
    """A hard picture before and after; all lists frame by frame."""

    before: Frames
    after: Frames
    meshes: list[F32]
    meshes_after: list[F32]
    found: bool

    @property
    def last(self) -> tuple[U8, U8, F32, F32]:
        """The frame to look at: before, after, mesh before, mesh after."""
        return self.before[-1], self.after[-1], self.meshes[-1], self.meshes_after[-1]


class Studio:
    """Takes hard pictures as the pipeline would: mean face, age and gender, choosing, swapping."""

    def __init__(self, models: Models, privacy: Any = "standard") -> None:
        self.models = models
        settings = SwapSettings.for_privacy(privacy)
        self._swapper = MeshSwapper(settings)
        generator = BankGenerator(FaceBank.default())
        self._chooser = FaceChooser.from_models(generator, self._swapper, models, swap=settings)

    def take(self, picture: HardPicture) -> Take:
        """Return the take; the same picture always gets the same face."""
        rgb = _read(FOLDER / picture.file)
        frames = picture.change(rgb, _mesh(rgb, self.models))
        first = _mesh(frames[0], self.models)
        meshes = [first]
        for frame in frames[1:]:
            meshes.append(_mesh(frame, self.models, meshes[-1]))
        source, views = _source(frames, meshes)
        read = self.models.attributes.estimate(frames[0], _landmarks(first))
        gender: Gender = "female" if read.female_probability[0] >= 0.5 else "male"
        rng = np.random.default_rng(len(picture.name))
        choice = self._chooser.choose(
            "p", float(read.age_years[0]), gender, source, pick_views(views), rng
        )
        session = self._swapper.session(choice.face, source)
        after = [frame.copy() for frame in frames]
        for frame, mesh in zip(after, meshes, strict=True):
            session.apply(frame, mesh)
        meshes_after = [
            _mesh(frame, self.models, mesh) for frame, mesh in zip(after, meshes, strict=True)
        ]
        found = len(self.models.detector.detect(after[-1][None])) > 0
        return Take(frames, after, meshes, meshes_after, found)


def as_it_is(rgb: U8, points: F32) -> Frames:
    """Return one frame: a photograph."""
    return [rgb]


def side_light(rgb: U8, points: F32) -> Frames:
    """Return the portrait lit from the left alone."""
    x1, x2 = float(points[:, 0].min()), float(points[:, 0].max())
    ramp = np.interp(np.arange(rgb.shape[1]), [x1, x2], [1.05, 0.3])
    return [_lit(rgb, ramp[None, :, None])]


def scaled(face_px: float) -> Change:
    """Return what makes a portrait with a face of that width."""

    def change(rgb: U8, points: F32) -> Frames:
        scale = face_px / float(np.ptp(points[:, 0]))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small: Any = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=how)
        return [np.ascontiguousarray(small)]

    return change


def flashes(rgb: U8, points: F32) -> Frames:
    """Return a take under flashes: white, blue, and dark in between."""
    gains = [(0.7, 0.7, 0.7), (1.5, 1.5, 1.6), (0.6, 0.6, 0.6), (0.9, 1.1, 1.6), (0.7, 0.7, 0.7)]
    lights = [*gains, (0.6, 0.6, 0.6), (1.3, 1.4, 1.7)]
    return [_lit(rgb, np.array(light)) for light in lights]


def microphone(rgb: U8, points: F32) -> Frames:
    """Return a take in which a dark microphone comes up before the chin."""
    return _with_something(rgb, points, _draw_microphone)


def hand(rgb: U8, points: F32) -> Frames:
    """Return a take in which fingers, lighter than the face, come up before a cheek."""
    return _with_something(rgb, points, _draw_fingers)


def microphone_mask(rgb: U8, points: F32) -> U8:
    """Return u8[H, W], 1 where the microphone of `microphone` is."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    _draw_microphone(mask, points, (1,))
    return mask


def hand_mask(rgb: U8, points: F32) -> U8:
    """Return u8[H, W], 1 where the fingers of `hand` are."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    _draw_fingers(mask, points, (1,))
    return mask


def sheet(takes: Mapping[str, Take], side_px: int = 320) -> U8:
    """Return all takes side by side, the last frame of each before over after, from the mesh up."""
    tiles = [_tile(name, take, side_px) for name, take in takes.items()]
    columns = 6
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows)


def _tile(name: str, take: Take, side_px: int) -> U8:
    before, after, mesh, _ = take.last
    center, width = mesh[:, :2].mean(axis=0), float(np.ptp(mesh[:, 0]))
    matrix = np.array([[1, 0, 0], [0, 1, 0]], np.float64) * side_px / (1.7 * width)
    matrix[:, 2] = side_px / 2 - matrix[:, :2] @ center
    how = cv2.INTER_AREA if matrix[0, 0] < 1 else cv2.INTER_CUBIC
    pair = [cv2.warpAffine(p, matrix, (side_px, side_px), flags=how) for p in (before, after)]
    tile = np.vstack([np.asarray(p, np.uint8) for p in pair])
    cv2.putText(tile, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 0), 1)
    return tile


def _read(path: Path) -> U8:
    bgr: Any = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None, path.name
    wide: Any = cv2.copyMakeBorder(bgr, 60, 60, 60, 60, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(wide[:, :, ::-1])


def _mesh(rgb: U8, models: Models, last: F32 | None = None) -> F32:
    """Fit the mesh from the detection, or from the frame before."""
    if last is None:
        faces = models.detector.detect(rgb[None])
        if not len(faces):  # a face that fills the picture, or hardly any of it
            faces = models.recall_detector.detect(rgb[None])
        best = int(np.argmax(faces.xyxy[:, 2] - faces.xyxy[:, 0]))
        one = slice(best, best + 1)
        rois = rois_from_detections(faces.xyxy[one], faces.kps[one])
        last = models.landmarker.landmarks(rgb, rois).points[0]
    return models.landmarker.landmarks(rgb, rois_from_landmarks(last[None])).points[0]


def _landmarks(points: F32) -> Landmarks:
    return Landmarks(points[None], np.ones(1, np.float32))


def _source(frames: Sequence[U8], meshes: Sequence[F32]) -> tuple[SourceFace, list[HeadView]]:
    builder = SourceFaceBuilder()
    looks: list[HeadView] = []
    for frame, mesh in zip(frames, meshes, strict=True):
        builder.add(frame, mesh, 1.0)
        look = cut_head(frame, mesh, 1.0)
        assert look is not None
        looks.append(look)
    source = builder.build()
    assert source is not None
    return source, looks


def _lit(rgb: U8, light: np.ndarray[Any, np.dtype[np.float64]]) -> U8:
    linear = (rgb / 255.0) ** 2.2 * light
    return np.asarray(np.clip(linear, 0, 1) ** (1 / 2.2) * 255, np.uint8)


def _with_something(
    rgb: U8, points: F32, draw: Callable[[U8, F32, tuple[int, ...]], None]
) -> Frames:
    """Return the person alone for some frames, and then with something before the face."""
    rng = np.random.default_rng(5)
    frames: Frames = []
    for number in range(14):
        frame = np.clip(rgb + rng.normal(0, 2, rgb.shape), 0, 255).astype(np.uint8)
        if number >= 11:
            draw(frame, points, (40, 40, 46) if draw is _draw_microphone else (245, 215, 200))
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.8), np.uint8)
        frames.append(frame)
    return frames


def _draw_microphone(picture: U8, points: F32, color: tuple[int, ...]) -> None:
    width = float(np.ptp(points[:, 0]))
    x, y = (float(v) for v in points[152, :2])  # the chin
    head = (round(x + 0.08 * width), round(y - 0.14 * width))
    cv2.circle(picture, head, round(0.13 * width), color, -1, cv2.LINE_AA)
    foot = (round(x + 0.16 * width), round(y + 0.9 * width))
    cv2.line(picture, head, foot, color, round(0.12 * width), cv2.LINE_AA)


def _draw_fingers(picture: U8, points: F32, color: tuple[int, ...]) -> None:
    width = float(np.ptp(points[:, 0]))
    x, y = (float(v) for v in points[425, :2])  # a cheek
    for finger in range(3):
        tip = (round(x - 0.1 * width + 0.02 * width * finger), round(y + 0.1 * width * finger))
        root = (round(x + 0.7 * width), round(y + (0.3 + 0.11 * finger) * width))
        cv2.line(picture, root, tip, color, round(0.1 * width), cv2.LINE_AA)
