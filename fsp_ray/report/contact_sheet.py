"""Contact sheets: frames of source videos over those of the published ones, in one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, SettingsError, VideoError
from fsp_ray.core.face_types import U8
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.lake import LocalMedia
from fsp_ray.video import decode, probe

CELL_WIDTH_PX: Final = 320
LABEL_HEIGHT_PX: Final = 22
GAP_PX: Final = 4
_INK: Final = (40, 40, 40)
_PAPER: Final = 255
_BATCH_FRAMES: Final = 8


@dataclass(frozen=True, slots=True)
class Pair:
    """A source video and its published version."""

    label: str
    source: MediaSource
    published: MediaSource

    @classmethod
    def of_files(cls, label: str, source: Path, published: Path) -> Pair:
        """Return the pair of two local files."""
        return cls(label, _local(source), _local(published))


def contact_sheet(
    pairs: Sequence[Pair], out: Path, *, columns: int = 4, cell_width_px: int = CELL_WIDTH_PX
) -> None:
    """Write a PNG: for each pair a row of source frames over the same frames as published.

    The frames are spread evenly over the video, the first and the last not among them.

    Raises:
        SettingsError: nothing to show, or the picture can't be written.
        VideoError: a video can't be read, or the two have not the same number of frames.
    """
    if not pairs or columns < 1:
        raise SettingsError("A contact sheet needs at least one pair of videos and one column.")
    rows: list[U8] = []
    for pair in pairs:
        info = _probe(pair.source)
        places = [(2 * i + 1) * info.num_frames // (2 * columns) for i in range(columns)]
        rows.extend(_rows(pair, info, places, cell_width_px))
    _write(out, rows)


def strip(
    source: Path,
    published: Path,
    out: Path,
    *,
    every_s: float = 1.0,
    frames: Sequence[int] | None = None,
    cell_width_px: int = CELL_WIDTH_PX,
) -> None:
    """Write a PNG of one video: source frames over published ones, every so often.

    Args:
        source, published: local files.
        out: PNG to write.
        every_s: seconds between the frames shown; not used where `frames` is given.
        frames: numbers of the frames to show, from 0.
        cell_width_px: width of a frame in the picture.

    Raises:
        SettingsError: no frame to show, or the picture can't be written.
        VideoError: as `contact_sheet`.
    """
    pair = Pair.of_files(source.name, source, published)
    info = _probe(pair.source)
    if frames is None:
        if every_s <= 0:
            raise SettingsError("every_s must be positive.")
        step = max(1, round(every_s * float(info.frame_rate)))
        frames = range(0, info.num_frames, step)
    wanted = sorted({number for number in frames if 0 <= number < info.num_frames})
    if not wanted:
        raise SettingsError(f"{source.name} has no such frames: it has {info.num_frames}.")
    _write(out, _rows(pair, info, wanted, cell_width_px))


def _rows(pair: Pair, info: VideoInfo, places: Sequence[int], width_px: int) -> tuple[U8, U8, U8]:
    published = _probe(pair.published)
    if published.num_frames != info.num_frames:
        raise VideoError(
            FailureReason.VERIFY,
            f"{pair.published.uri} has {published.num_frames} frames, not the {info.num_frames}"
            f" of {pair.source.uri}.",
        )
    before = [_fit(rgb, width_px) for rgb in _pick(pair.source, info, places)]
    after = [_fit(rgb, width_px) for rgb in _pick(pair.published, published, places)]
    times = ", ".join(f"{place / float(info.frame_rate):.1f}" for place in places)
    text = f"{pair.label}   original over published, at {times} s"
    top, bottom = _in_a_row(before), _in_a_row(after)
    return _label(text, top.shape[1]), top, bottom


def _pick(media: MediaSource, info: VideoInfo, places: Sequence[int]) -> Iterator[U8]:
    """Yield the frames of these numbers, which ascend."""
    left = list(places)
    number = 0
    with closing(decode(media, info, batch_frames=_BATCH_FRAMES)) as batches:  # pyright: ignore[reportArgumentType] - a generator
        for batch in batches:
            while left and left[0] < number + len(batch):
                yield batch.rgb[left.pop(0) - number]
            number += len(batch)
            if not left:
                return


def _probe(media: MediaSource) -> VideoInfo:
    return probe(media, video_id="look", limits=VideoLimits())


def _local(path: Path) -> LocalMedia:
    return LocalMedia(str(path.absolute()), str(path))


def _fit(rgb: U8, width_px: int) -> U8:
    height, width = rgb.shape[:2]
    size = (width_px, max(1, round(height * width_px / width)))
    smaller = width_px < width
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)


def _in_a_row(cells: Sequence[U8]) -> U8:
    gap = np.full((cells[0].shape[0], GAP_PX, 3), _PAPER, np.uint8)
    return np.hstack([part for cell in cells for part in (cell, gap)][:-1])


def _label(text: str, width_px: int) -> U8:
    strip_ = np.full((LABEL_HEIGHT_PX, width_px, 3), _PAPER, np.uint8)
    readable = text.encode("ascii", "replace").decode("ascii")
    place = (GAP_PX, LABEL_HEIGHT_PX - 7)
    cv2.putText(strip_, readable, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return strip_


def _write(out: Path, rows: Sequence[U8]) -> None:
    width_px = max(row.shape[1] for row in rows)
    wide = [
        np.pad(row, ((0, GAP_PX), (0, width_px - row.shape[1]), (0, 0)), constant_values=_PAPER)
        for row in rows
    ]
    _, png = cv2.imencode(".png", cv2.cvtColor(np.vstack(wide), cv2.COLOR_RGB2BGR))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(png.tobytes())
    except OSError as error:
        raise SettingsError(f"Can't write {out}: {error}.") from error
