"""Cut a video into spans that decode alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.ids import shard_id
from fsp_ray.core.protocols import MediaSource
from fsp_ray.core.video_types import Shard, VideoInfo
from fsp_ray.video.container import open_media
from fsp_ray.video.decode import lands
from fsp_ray.video.index import list_frames

# Containers that can't seek (fragmented MP4 without an index) fail every time: after so many
# misses in a row, the rest is one shard.
_MAX_MISSES: Final = 12
# A seek may land so many frames early before it is called a miss.
_MIN_SKIPPED: Final = 64


def plan_shards(source: MediaSource, info: VideoInfo, *, target_frames: int) -> tuple[Shard, ...]:
    """Cut a video at keyframes into shards near `target_frames`; there may be few, or one.

    A keyframe is taken only if a seek to it was tried and decoding gave it, as a clean I frame:
    a container's mark alone is wrong for fragmented MP4, open GOPs, MPEG-TS and intra refresh.

    Raises:
        VideoError: the file can't be read, or is not the one that `info` was read from.
    """
    if target_frames < 1:
        raise ValueError(f"target_frames must be positive, not {target_frames}")
    with open_media(source) as media:
        index = list_frames(media, VideoLimits(max_frames=max(2 * info.num_frames, 1000)))
        index = index.from_pts(info.start_pts)
    if len(index.pts) != info.num_frames or index.pts[0] != info.start_pts:
        raise VideoError(
            FailureReason.CHANGED,
            f"{media.name} is not the file that was probed.",
            advice="Run again when it is no longer written to.",
        )
    keys = np.searchsorted(index.pts, index.key_pts)
    cuts = choose_cuts(
        keys,
        info.num_frames,
        target_frames,
        lambda frame: lands(
            source, info, int(index.pts[frame]), max_skipped=max(_MIN_SKIPPED, target_frames // 2)
        ),
    )
    edges = [0, *cuts, info.num_frames]
    starts = [*(int(index.pts[edge]) for edge in edges[:-1]), info.stop_pts]
    return tuple(
        Shard(
            shard_id=shard_id(info.video_id, number),
            video_id=info.video_id,
            index=number,
            start_pts=starts[number],
            stop_pts=starts[number + 1],
            num_frames=edges[number + 1] - edges[number],
        )
        for number in range(len(edges) - 1)
    )


def choose_cuts(
    keys: npt.NDArray[np.int64],
    num_frames: int,
    target_frames: int,
    is_good: Callable[[int], bool],
) -> list[int]:
    """Choose frames to cut before, each about `target_frames` after the one before.

    Args:
        keys: i64[K], increasing frame numbers that may be cut before.
        num_frames: of the whole video.
        target_frames: wished length of a shard.
        is_good: asked once for each candidate, only for those that would be taken.
    """
    cuts: list[int] = []
    start = 0
    while num_frames - start > target_frames:
        for misses, key in enumerate(_candidates(keys, start, num_frames, target_frames)):
            if misses == _MAX_MISSES:
                return cuts
            if is_good(key):
                start = key
                cuts.append(key)
                break
        else:
            return cuts
    return cuts


def _candidates(
    keys: npt.NDArray[np.int64], start: int, num_frames: int, target_frames: int
) -> Iterator[int]:
    """Yield keyframes at least half a shard from both ends, those nearest to the aim first."""
    half = max(1, target_frames // 2)
    fit = keys[(keys >= start + half) & (keys <= num_frames - half)]
    for key in fit[np.argsort(np.abs(fit - (start + target_frames)), kind="stable")]:
        yield int(key)
