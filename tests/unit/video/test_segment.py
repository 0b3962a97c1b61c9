from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.core.video_types import FrameBatch, VideoInfo
from fsp_ray.video import SegmentWriter, decode, mux, plan_shards, probe, verify
from tests.fakes.media import Clip, LocalFile, texture, write_clip

MakeClip = Callable[[str], LocalFile]


def about(time_base: Fraction, start: int, step: int, frames: int = 24) -> VideoInfo:
    return VideoInfo(
        "v", "v.mp4", 96, 64, time_base, 1 / (step * time_base), frames, start,
        start + frames * step, "h264",
    )  # fmt: skip


def batch(info: VideoInfo, pts: list[int]) -> FrameBatch:
    rgb = np.stack([texture(n, info.width, info.height) for n in range(len(pts))])
    return FrameBatch(rgb, np.array(pts, np.int64))


def encoders() -> int:
    return sum(t.name == "encode" for t in threading.enumerate())


@pytest.mark.parametrize("start_s", [0, Fraction(1, 7), -2, 36_000])
@pytest.mark.parametrize(
    ("time_base", "step"),
    [
        (Fraction(1, 90_000), 3003),
        (Fraction(1, 15_360), 512),
        (Fraction(1, 1000), 33),
        (Fraction(1001, 30_000), 1),
        (Fraction(1, 1_000_000), 33_333),
        (Fraction(1, 25), 1),
    ],
)
def test_times_survive(time_base: Fraction, step: int, start_s: Fraction, tmp_path: Path) -> None:
    info = about(time_base, int(start_s // time_base), step)
    # Not regular: the fifth frame is late.
    pts = [info.start_pts + step * n + (n == 5) * (step // 2) for n in range(24)]
    path = tmp_path / "0.mp4"
    with SegmentWriter(path, info, crf=30, preset="veryfast") as writer:
        writer.write(batch(info, pts))
    with av.open(str(path)) as container:
        got = sorted(p.pts * p.time_base for p in container.demux(video=0) if p.pts is not None)
    # A segment of a video that starts before 0 starts at 0.
    origin = min(info.start_pts, 0)
    assert got == [(p - origin) * time_base for p in pts]
    mux([path], LocalFile(path), info, tmp_path / "out.mp4", audio="drop")
    with av.open(str(tmp_path / "out.mp4")) as container:
        got = sorted(p.pts * p.time_base for p in container.demux(video=0) if p.pts is not None)
    assert got == [(p - info.start_pts) * time_base for p in pts]


def test_segments_are_closed_and_start_with_a_keyframe(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("b_frames.mp4")
    info = probe(source, video_id="v", limits=VideoLimits())
    for shard in plan_shards(source, info, target_frames=12):
        path = tmp_path / f"{shard.index}.mp4"
        with SegmentWriter(path, info, crf=20, preset="veryfast", threads=2) as writer:
            for part in decode(source, info, shard, batch_frames=5):
                writer.write(part)
        with av.open(str(path)) as container:
            frames = list(container.decode(video=0))
        assert len(frames) == shard.num_frames
        assert frames[0].key_frame
        assert not any(frame.is_corrupt for frame in frames)
    assert encoders() == 0


def test_an_error_in_the_encoder_reaches_the_caller(tmp_path: Path) -> None:
    info = about(Fraction(1, 30), 0, 1, frames=400)
    writer = SegmentWriter(tmp_path / "gone" / "0.mp4", info, crf=20, preset="veryfast")

    def write() -> None:
        with writer:
            for n in range(100):
                writer.write(batch(info, [4 * n + k for k in range(4)]))

    with pytest.raises(VideoError) as caught:
        write()
    assert caught.value.reason is FailureReason.ENCODE
    assert encoders() == 0


def test_an_unknown_preset_is_an_error(tmp_path: Path) -> None:
    info = about(Fraction(1, 30), 0, 1)
    with (
        pytest.raises(VideoError) as caught,
        SegmentWriter(tmp_path / "0.mp4", info, crf=20, preset="warp") as writer,
    ):
        writer.write(batch(info, [0, 1]))
    assert caught.value.reason is FailureReason.ENCODE
    assert not (tmp_path / "0.mp4").exists()


def test_giving_up_removes_the_file_and_ends_the_thread(tmp_path: Path) -> None:
    info = about(Fraction(1, 30), 0, 1)

    def give_up() -> None:
        with SegmentWriter(tmp_path / "0.mp4", info, crf=20, preset="veryfast") as writer:
            writer.write(batch(info, [0, 1]))
            raise KeyError

    with pytest.raises(KeyError):
        give_up()
    assert list(tmp_path.iterdir()) == []
    assert encoders() == 0


def test_frames_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    info = about(Fraction(1, 30), 0, 1)
    with SegmentWriter(tmp_path / "0.mp4", info, crf=20, preset="veryfast") as writer:
        wrong = FrameBatch(np.zeros((1, 64, 64, 3), np.uint8), np.array([0], np.int64))
        with pytest.raises(ValueError, match="frames must be"):
            writer.write(wrong)
        writer.write(batch(info, [3, 4]))
        with pytest.raises(ValueError, match="order"):
            writer.write(batch(info, [4, 5]))


def write_all(info: VideoInfo, source: LocalFile, folder: Path, **options: object) -> list[Path]:
    paths: list[Path] = []
    for shard in plan_shards(source, info, target_frames=12):
        paths.append(folder / f"{shard.index}.mp4")
        settings = {"crf": 20, "preset": "veryfast", **options}
        with SegmentWriter(paths[-1], info, **settings) as writer:  # type: ignore[arg-type]
            for part in decode(source, info, shard):
                writer.write(part)
    return paths


def test_segments_missing_doubled_or_out_of_order(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("plain.mp4")
    info = probe(source, video_id="v", limits=VideoLimits())
    paths = write_all(info, source, tmp_path)
    out = tmp_path / "out.mp4"
    for wrong in (
        paths[1:],
        paths[:-1],
        [paths[0], *paths[1:-1], paths[0]],
        [*paths, paths[0]],
        [],
    ):
        with pytest.raises(VideoError) as caught:
            mux(wrong, source, info, out, audio="keep")
        assert caught.value.reason is FailureReason.ENCODE
        assert not out.exists()


def test_verify_finds_what_differs(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("b_frames.mp4")
    info = probe(source, video_id="v", limits=VideoLimits())
    paths = write_all(info, source, tmp_path)
    good = tmp_path / "good.mp4"
    mux(paths, source, info, good, audio="keep")
    verify(good, source, info, audio="keep")

    def refused(path: Path, about: VideoInfo = info, against: LocalFile = source) -> str:
        with pytest.raises(VideoError) as caught:
            verify(path, against, about, audio="keep")
        assert caught.value.reason is FailureReason.VERIFY
        return str(caught.value)

    fewer = LocalFile(write_clip(tmp_path / "a.mp4", Clip(audio="aac", pts=range(47))))
    assert "47 frames, not 48" in refused(fewer.path)
    late = [n + (n > 20) for n in range(48)]
    moved = LocalFile(write_clip(tmp_path / "b.mp4", Clip(audio="aac", pts=late)))
    assert "other times" in refused(moved.path)
    silent = LocalFile(write_clip(tmp_path / "c.mp4", Clip()))
    assert "holds video" in refused(silent.path)
    shifted = Clip(audio="aac", audio_start_s=Fraction(1, 20))
    assert "sound" in refused(write_clip(tmp_path / "d.mp4", shifted))
    assert "turned" in refused(write_clip(tmp_path / "e.mp4", Clip(audio="aac", rotation=90)))
    assert "range" in refused(write_clip(tmp_path / "f.mp4", Clip(audio="aac", full_range=True)))
    broken = bytearray(good.read_bytes())
    at = broken.index(b"mdat") + 6000
    broken[at : at + 3000] = bytes(3000)
    (tmp_path / "g.mp4").write_bytes(broken)
    refused(tmp_path / "g.mp4")


def test_verify_decodes_to_the_end(make_clip: MakeClip, tmp_path: Path) -> None:
    """Zeros in the middle: the packets' list stays whole, and no sound gives it away."""
    source, out = make_clip("plain.mp4"), tmp_path / "out.mp4"
    info = probe(source, video_id="v", limits=VideoLimits())
    mux(write_all(info, source, tmp_path), source, info, out, audio="keep")
    with av.open(str(out)) as container:
        packet = [p for p in container.demux(video=0) if p.size][30]
        at, size = packet.pos, packet.size
    assert at is not None
    raw = bytearray(out.read_bytes())
    raw[at : at + size] = bytes(size)
    out.write_bytes(raw)
    with pytest.raises(VideoError, match="does not decode beyond frame 30") as caught:
        verify(out, source, info, audio="keep")
    assert caught.value.reason is FailureReason.VERIFY


def test_mux_replaces_and_does_not_mind_odd_names(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("plain.mp4")
    info = probe(source, video_id="v", limits=VideoLimits())
    out = tmp_path / "a: 100% «ü» http:.mp4"
    out.write_bytes(b"old")
    mux(write_all(info, source, tmp_path), source, info, out, audio="keep")
    verify(out, source, info, audio="keep")


def test_segments_of_different_settings_are_refused(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip("plain.mp4")
    info = probe(source, video_id="v", limits=VideoLimits())
    paths = write_all(info, source, tmp_path)
    (tmp_path / "other").mkdir()
    other = write_all(info, source, tmp_path / "other", preset="ultrafast")
    with pytest.raises(VideoError, match="different settings"):
        mux([other[0], *paths[1:]], source, info, tmp_path / "out.mp4", audio="keep")
