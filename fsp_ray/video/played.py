"""Play a rendered segment back: the frames that will be published, as a viewer sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import FrameBatch, Shard, VideoInfo
from fsp_ray.video.decode import decode
from fsp_ray.video.orientation import as_stored, upright
from fsp_ray.video.probe import probe
from fsp_ray.video.segment import origin_pts

_OURS: Final = VideoLimits(
    max_width_px=1 << 15, max_height_px=1 << 15, max_pixels=1 << 28, max_frames=1 << 24
)


class _Segment:
    """A staged segment as a MediaSource."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def uri(self) -> str:
        return self._path.name

    @property
    def local_path(self) -> Path | None:
        return self._path

    def open(self) -> BinaryIO:
        return self._path.open("rb")


def play_segment(
    path: Path, info: VideoInfo, shard: Shard, *, batch_bytes: int = 64 << 20
) -> Iterator[FrameBatch]:
    """Yield a segment's frames upright, in the source's size, with the source's pts.

    Args:
        path: a file of `SegmentWriter`.
        info: of the source video.
        shard: that the segment was rendered from.
        batch_bytes: as of `decode`.

    Raises:
        VideoError: VERIFY if it holds other frames than the shard; as `decode`.
    """
    source = _Segment(path)
    got = probe(source, video_id=info.video_id, limits=_OURS)
    if got.num_frames != shard.num_frames:
        raise VideoError(
            FailureReason.VERIFY,
            f"A segment holds {got.num_frames} frames, not the {shard.num_frames} of its shard.",
            advice="Run again: only this video is done again.",
        )
    height, width = as_stored(
        np.empty((info.height, info.width, 3), np.uint8), info.rotation
    ).shape[:2]
    ticks = got.time_base / info.time_base
    for batch in decode(source, replace(got, rotation=0), batch_bytes=batch_bytes):
        # Odd sizes were made even at the lower right of the stored picture.
        rgb = batch.rgb
        if info.rotation or rgb.shape[1:3] != (height, width):
            rgb = np.stack([upright(frame[:height, :width], info.rotation) for frame in rgb])
        yield FrameBatch(rgb, _source_pts(batch.pts.tolist(), ticks, origin_pts(info)))


def _source_pts(
    pts: list[int], ticks: Fraction, origin: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([round(value * ticks) + origin for value in pts], np.int64)
