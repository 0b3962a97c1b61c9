from __future__ import annotations

import dataclasses
import importlib
import zlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import FrameBatch, VideoInfo
from fsp_ray.video import decode, plan_shards, probe
from fsp_ray.video.index import is_shown
from fsp_ray.video.shards import choose_cuts
from tests.fakes.media import Clip, LocalFile, write_clip

MakeClip = Callable[[str], LocalFile]


def info_of(source: LocalFile) -> VideoInfo:
    return probe(source, video_id="v", limits=VideoLimits())


def sums(batches: Iterable[FrameBatch]) -> dict[int, int]:
    """The crc of every frame by its pts."""
    return {
        int(pts): zlib.crc32(rgb)
        for batch in batches
        for rgb, pts in zip(batch.rgb, batch.pts, strict=True)
    }


def test_probe_says_what_the_clip_is(tmp_path: Path) -> None:
    clip = Clip(
        width=98, audio="aac", b_frames=2, aspect=Fraction(4, 3),
        metadata={"creation_time": "2021-05-04T10:20:30.000000Z"},
    )  # fmt: skip
    info = info_of(LocalFile(write_clip(tmp_path / "a.mp4", clip)))
    assert (info.width, info.height, info.num_frames, info.codec) == (98, 64, 48, "h264")
    assert info.frame_rate == 30
    assert info.duration_s == pytest.approx(1.6)
    assert info.has_audio
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert info.recorded_on == "2021-05-04T10:20:30+00:00"


@pytest.mark.parametrize("when", ["1904-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "yesterday"])
def test_a_recording_time_that_cannot_be_true_is_none(when: str, tmp_path: Path) -> None:
    clip = Clip(metadata={"creation_time": when}, pts=range(3))
    assert info_of(LocalFile(write_clip(tmp_path / "a.mkv", clip))).recorded_on is None


def test_hidden_frames_are_not_counted(make_clip: MakeClip) -> None:
    assert info_of(make_clip("edit_list.mp4")).num_frames == 45
    assert info_of(make_clip("vp8_hidden.webm")).num_frames == 48


def test_hidden_packets_give_no_frame() -> None:
    assert is_shown(av.Packet(b"\x10\x00\x00"), "vp8")
    assert not is_shown(av.Packet(b"\x00\x00\x00"), "vp8")
    assert is_shown(av.Packet(b"\x00\x00\x00"), "h264")
    assert not is_shown(av.Packet(), "h264")


def test_a_single_frame(tmp_path: Path) -> None:
    source = LocalFile(write_clip(tmp_path / "one.mp4", Clip(pts=[0])))
    info = info_of(source)
    assert info.num_frames == 1
    (shard,) = plan_shards(source, info, target_frames=300)
    (batch,) = decode(source, info, shard)
    assert len(batch) == 1


def test_batches_are_bounded_by_frames_and_by_bytes(make_clip: MakeClip) -> None:
    source = make_clip("plain.mp4")
    info = info_of(source)
    assert [len(b) for b in decode(source, info, batch_frames=20)] == [20, 20, 8]
    frame_bytes = info.width * info.height * 3
    sizes = [len(b) for b in decode(source, info, batch_bytes=5 * frame_bytes + 1)]
    assert sizes == [5] * 9 + [3]
    assert {len(b) for b in decode(source, info, batch_bytes=1)} == {1}
    batch = next(decode(source, info))
    assert batch.rgb.flags.writeable
    assert batch.rgb.flags.c_contiguous


@pytest.mark.parametrize("thread_type", ["SLICE", "FRAME", "AUTO"])
@pytest.mark.parametrize("name", ["b_frames.mp4", "hevc_open_gop.mp4", "vp9.webm"])
def test_threads_change_nothing(name: str, thread_type: Any, make_clip: MakeClip) -> None:
    source = make_clip(name)
    info = info_of(source)
    want = [zlib.crc32(b.rgb) for b in decode(source, info)]
    assert [
        zlib.crc32(b.rgb) for b in decode(source, info, threads=3, thread_type=thread_type)
    ] == want
    shards = plan_shards(source, info, target_frames=12)
    for shard in shards:
        threaded = decode(source, info, shard, threads=2, thread_type=thread_type)
        plain = decode(source, info, shard)
        assert [zlib.crc32(b.rgb) for b in threaded] == [zlib.crc32(b.rgb) for b in plain]


def test_leaving_early_closes_the_file(make_clip: MakeClip) -> None:
    source = make_clip("plain.mp4")
    frames = decode(source, info_of(source), batch_frames=1)
    next(frames)
    assert source.still_open == 1
    frames.close()  # type: ignore[attr-defined]
    assert source.still_open == 0


def test_a_shard_that_starts_at_no_keyframe_still_comes_out_right(make_clip: MakeClip) -> None:
    """The last resort: from an earlier keyframe, or the video's start."""
    source = make_clip("intra_refresh.mp4")
    info = info_of(source)
    whole = sums(decode(source, info))
    (shard,) = plan_shards(source, info, target_frames=5)
    starts = sorted(whole)
    part = dataclasses.replace(shard, start_pts=starts[29], num_frames=len(starts) - 29)
    assert sums(decode(source, info, part)) == {pts: whole[pts] for pts in starts[29:]}


def test_a_decoder_that_loses_a_frame_is_found_out(
    make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip("b_frames.mp4")
    info = info_of(source)
    lost = sorted(int(p) for b in decode(source, info) for p in b.pts)[20]
    module = importlib.import_module("fsp_ray.video.decode")
    original = module.decoded

    def losing(*args: Any) -> list[av.VideoFrame]:
        return [frame for frame in original(*args) if frame.pts != lost]

    monkeypatch.setattr(module, "decoded", losing)
    pts: list[int] = []
    frames = decode(source, info, batch_frames=1)
    with pytest.raises(VideoError) as caught:
        pts.extend(int(batch.pts[0]) for batch in frames)
    assert caught.value.reason is FailureReason.DECODE
    assert len(pts) == 20, "the frames before it came, and none after it"
    assert source.still_open == 0


def test_a_frame_lost_once_comes_from_the_next_attempt(
    make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip("b_frames.mp4")
    info = info_of(source)
    whole = [zlib.crc32(rgb) for b in decode(source, info) for rgb in b.rgb]
    shard = plan_shards(source, info, target_frames=12)[2]
    module = importlib.import_module("fsp_ray.video.decode")
    original, calls = module.decoded, 0

    def losing(*args: Any) -> list[av.VideoFrame]:
        nonlocal calls
        calls += 1
        return [] if calls == 8 else original(*args)

    monkeypatch.setattr(module, "decoded", losing)
    got = [zlib.crc32(rgb) for b in decode(source, info, shard) for rgb in b.rgb]
    assert got == whole[24:36]
    assert calls > 20


def test_another_file_under_the_same_name_is_noticed(make_clip: MakeClip, tmp_path: Path) -> None:
    info = info_of(make_clip("plain.mp4"))
    other = LocalFile(write_clip(tmp_path / "plain.mp4", Clip(pts=range(30))))
    with pytest.raises(VideoError) as caught:
        plan_shards(other, info, target_frames=10)
    assert caught.value.reason is FailureReason.CHANGED


def test_a_change_of_size_is_an_error(make_clip: MakeClip) -> None:
    source = make_clip("plain.mp4")
    info = dataclasses.replace(info_of(source), width=100)
    with pytest.raises(VideoError) as caught:
        list(decode(source, info))
    assert caught.value.reason is FailureReason.UNSUPPORTED


def test_the_wished_length_is_checked(make_clip: MakeClip) -> None:
    with pytest.raises(ValueError, match="target_frames"):
        plan_shards(make_clip("plain.mp4"), info_of(make_clip("plain.mp4")), target_frames=0)


@given(
    keys=st.sets(st.integers(1, 400)),
    num_frames=st.integers(401, 900),
    target=st.integers(1, 300),
    bad=st.sets(st.integers(1, 400)),
)
def test_cuts_are_good_keyframes_far_enough_apart(
    keys: set[int], num_frames: int, target: int, bad: set[int]
) -> None:
    asked: list[int] = []

    def is_good(key: int) -> bool:
        asked.append(key)
        return key not in bad

    cuts = choose_cuts(np.array(sorted(keys), np.int64), num_frames, target, is_good)
    assert set(cuts) <= keys - bad
    edges = [0, *cuts, num_frames]
    lengths = np.diff(edges)
    assert (lengths >= max(1, target // 2)).all()
    assert len(asked) <= len(cuts) + 12 * (len(cuts) + 1), "few are tried"
