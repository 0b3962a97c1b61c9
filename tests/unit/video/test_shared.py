"""The same laws on real recordings."""

from __future__ import annotations

import zlib
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from fsp_ray.core.config import VideoLimits
from fsp_ray.video import SegmentWriter, decode, mux, plan_shards, prefetch, probe, verify
from tests.fakes.media import LocalFile

FOLDER = Path(__file__).parents[3].parent / "shared" / "data" / "videos"
CLIPS = sorted(FOLDER.glob("*.mp4"))

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not CLIPS, reason=f"no recordings in ../{FOLDER.parent.name}/videos"),
]


@pytest.mark.parametrize("path", CLIPS, ids=lambda path: path.stem)
def test_real_recordings_are_published_exactly(path: Path, tmp_path: Path) -> None:
    source, out = LocalFile(path), tmp_path / "out.mp4"
    info = probe(source, video_id="v", limits=VideoLimits())
    segments: list[Path] = []
    parts: list[int] = []
    for shard in plan_shards(source, info, target_frames=100):
        segments.append(tmp_path / f"{shard.index}.mp4")
        with SegmentWriter(segments[-1], info, crf=18, preset="ultrafast") as writer:
            for batch in prefetch(decode(source, info, shard)):
                parts.extend(zlib.crc32(rgb) for rgb in batch.rgb)
                writer.write(batch)
    mux(segments, source, info, out, audio="keep")
    verify(out, source, info, audio="keep")
    assert parts == [zlib.crc32(rgb) for batch in decode(source, info) for rgb in batch.rgb]


@pytest.mark.parametrize("path", CLIPS[::4], ids=lambda path: path.stem)
def test_real_colours_do_not_shift(path: Path, tmp_path: Path) -> None:
    source = LocalFile(path)
    info = probe(source, video_id="v", limits=VideoLimits())
    (first,) = islice(decode(source, info, batch_frames=12), 1)
    with SegmentWriter(tmp_path / "0.mp4", info, crf=12, preset="ultrafast") as writer:
        writer.write(first)
    written = LocalFile(tmp_path / "0.mp4")
    again = probe(written, video_id="v", limits=VideoLimits())
    (second,) = islice(decode(written, again, batch_frames=12), 1)
    difference = second.rgb.astype(float) - first.rgb
    assert np.abs(difference.mean(axis=(0, 1, 2))).max() < 0.3
