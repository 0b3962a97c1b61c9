"""The second layout: a task on some CPU decodes, a worker takes its frames from the object store.

A worker starts one task a shard, which gives batches as they are asked for: Ray stops it when
some of them wait, so that the store holds a few batches a worker, however long the shard is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import ray
from ray.exceptions import RayError, RayTaskError

from fsp_ray.core.beats import beat
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import FrameBatch, Shard, VideoInfo
from fsp_ray.raydata.resources import DECODER_CPUS
from fsp_ray.raydata.watchdog import Tombstone, patiently, watched
from fsp_ray.video import decode, prefetch

# At most so many bytes in a batch, unless one frame is larger; and so many batches wait in the
# store, while one more is made and one more is copied out: 64 MiB a worker.
BATCH_BYTES: Final = 16 << 20
WAITING_BATCHES: Final = 2
_BEAT_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class StoreFrames:
    """A `ShardFrames` that lets a task decode.

    Attributes:
        tombstone: of the decoding task.
        stall_s: as in `watched`.
    """

    tombstone: Tombstone
    stall_s: float

    def __call__(
        self,
        media: MediaSource,
        info: VideoInfo,
        shard: Shard,
        *,
        batch_bytes: int = BATCH_BYTES,
        ahead: int = WAITING_BATCHES,
    ) -> Iterator[FrameBatch]:
        """Yield the shard's frames; the task ends with the iterator.

        Raises:
            VideoError: as `decode`; WORKER if the decoding tasks died.
        """
        size = min(batch_bytes, BATCH_BYTES)
        start = partial(_DECODER.remote, media, info, shard, size, self.tombstone, self.stall_s)
        # One is copied out of the store while one is worked on; the others wait there.
        return prefetch(_taken(start, shard), depth=1)


def _decoded(
    media: MediaSource,
    info: VideoInfo,
    shard: Shard,
    batch_bytes: int,
    tombstone: Tombstone,
    stall_s: float,
) -> Iterator[FrameBatch]:
    with watched(tombstone, stall_s):
        for batch in decode(media, info, shard, batch_bytes=batch_bytes):
            with patiently():  # the worker may take its time over a batch
                yield batch


_DECODER = cast("Any", ray.remote)(  # its stubs lack what streams take
    num_cpus=DECODER_CPUS,
    num_returns="streaming",
    max_retries=-1,  # its tombstone bounds them
    _generator_backpressure_num_objects=WAITING_BATCHES,
    # On whatever node has most to spare: the worker's own has the least.
    scheduling_strategy="SPREAD",
)(_decoded)


def _taken(start: Callable[[], Any], shard: Shard) -> Iterator[FrameBatch]:
    with _ended(start()) as stream, _said(shard):
        while True:
            # The decoding task has a watchdog of its own; it may also wait for a CPU.
            while not ray.wait([stream], timeout=_BEAT_S)[0]:
                beat()
            try:
                reference = next(stream)
            except StopIteration:
                return
            batch = cast("FrameBatch", ray.get(reference))
            del reference
            # A copy, for what lies in the store can't be drawn on; it makes room there at once.
            yield FrameBatch(batch.rgb.copy(), batch.pts.copy())
            del batch


@contextmanager
def _ended(stream: Any) -> Generator[Any]:
    """End the task that a stream comes from when the block ends."""
    try:
        yield stream
    finally:
        # Also of a task that is through: says nothing then. Force, for it may hang in a decoder.
        ray.cancel(stream, force=True)


@contextmanager
def _said(shard: Shard) -> Generator[None]:
    """Raise what the task raised as it was, and what became of the task as a VideoError."""
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from None
        raise
    except RayError as error:
        raise VideoError(
            FailureReason.WORKER,
            f"The tasks that decoded shard {shard.index} died ({type(error).__name__}).",
            advice="Run again; if it stays, leave the video out.",
        ) from error
