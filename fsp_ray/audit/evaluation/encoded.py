"""A clip encoded once more, as a run encodes what it publishes, with nothing changed in it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from fsp_ray.core.config import RunSettings
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import VideoInfo
from fsp_ray.video import SegmentWriter, decode, mux


@dataclass(frozen=True, slots=True)
class _OwnFile:
    """Implements `core.protocols.MediaSource`."""

    local_path: Path

    @property
    def uri(self) -> str:
        return self.local_path.name

    def open(self) -> BinaryIO:
        return self.local_path.open("rb")


@contextmanager
def encoded_again(
    source: MediaSource, info: VideoInfo, settings: RunSettings, *, batch_frames: int
) -> Generator[MediaSource]:
    """Yield the clip encoded once more; the file is gone on leaving.

    Raises:
        VideoError: the clip can't be decoded or encoded.
    """
    with TemporaryDirectory(prefix="fsp-evaluate-") as folder:
        segment, whole = Path(folder, "segment.mkv"), Path(folder, "encoded.mp4")
        with SegmentWriter(segment, info, crf=settings.crf, preset=settings.preset) as writer:
            for batch in decode(source, info, batch_frames=batch_frames):
                writer.write(batch)
        mux([segment], source, info, whole, audio="drop")
        segment.unlink()
        yield _OwnFile(whole)
