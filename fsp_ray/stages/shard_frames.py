"""Where a shard's frames come from: decoded here, or handed in by who decodes elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import FrameBatch, Shard, VideoInfo
from fsp_ray.video import decode, prefetch


class ShardFrames(Protocol):
    """Decodes a shard ahead of whoever works on its frames.

    The frames, their order and their number are the same wherever that happens; where batches
    begin and end is not.
    """

    def __call__(
        self,
        media: MediaSource,
        info: VideoInfo,
        shard: Shard,
        *,
        batch_bytes: int = 64 << 20,
        ahead: int = 2,
    ) -> Iterator[FrameBatch]:
        """Yield the shard's frames, upright, in order; each batch is the caller's to change.

        Args:
            media, info, shard: what is decoded.
            batch_bytes: the most that a batch holds, unless a single frame is larger.
            ahead: batches that wait while one is worked on.

        Raises:
            VideoError: as `decode`.
        """
        ...


def decode_here(
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    *,
    batch_bytes: int = 64 << 20,
    ahead: int = 2,
) -> Iterator[FrameBatch]:
    """Decode in a thread of this process; a `ShardFrames`."""
    return prefetch(decode(media, info, shard, batch_bytes=batch_bytes), depth=ahead)
