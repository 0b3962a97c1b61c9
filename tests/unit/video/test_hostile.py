"""Files that lie: each gives one clear error, and opens nothing else."""

from __future__ import annotations

import importlib
import io
import os
import pickle
import socket
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fsp_ray.core.config import VideoLimits
from fsp_ray.core.errors import FailureReason, VideoError
from fsp_ray.video import decode, mux, open_media, plan_shards, probe
from fsp_ray.video.container import open_container
from tests.fakes.media import Clip, LocalFile, texture, write_clip

LIMITS = VideoLimits()


def error_of(path: Path, limits: VideoLimits = LIMITS) -> VideoError:
    source = LocalFile(path)
    with pytest.raises(VideoError) as caught:
        probe(source, video_id="v", limits=limits)
    assert path.name in str(caught.value)
    assert source.still_open == 0
    return caught.value


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the process tries to open through Python, or to connect to."""
    tried: list[str] = []

    def refuse(*args: object, **_: object) -> Any:
        tried.append(repr(args))
        raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", refuse)
    return tried


def playlists(neighbour: Path) -> dict[str, bytes]:
    return {
        "concat.mp4": f"ffconcat version 1.0\nfile {neighbour.name}\n".encode(),
        "hls.mp4": (
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n"
            f"{neighbour.name}\n#EXT-X-ENDLIST\n"
        ).encode(),
        "sdp.mp4": (
            b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            b"m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        ),
        "text.mp4": b"This is no video at all.\n" * 40,
    }


@pytest.mark.parametrize("name", ["concat.mp4", "hls.mp4", "sdp.mp4", "text.mp4"])
def test_text_is_no_video_and_opens_nothing(
    name: str, plain: Path, tmp_path: Path, opened: list[str]
) -> None:
    neighbour = tmp_path / "neighbour.mp4"
    neighbour.write_bytes(plain.read_bytes())
    os.utime(neighbour, (1, 1))
    path = tmp_path / name
    path.write_bytes(playlists(neighbour)[name])
    assert error_of(path).reason is FailureReason.NOT_A_VIDEO
    assert not opened


@pytest.mark.parametrize("name", ["concat.mp4", "hls.mp4", "sdp.mp4"])
def test_demuxers_that_open_others_are_shut_out_by_themselves(
    name: str, plain: Path, tmp_path: Path
) -> None:
    """The second wall: without the look at the first bytes, FFmpeg itself must refuse."""
    neighbour = tmp_path / "neighbour.mp4"
    neighbour.write_bytes(plain.read_bytes())
    path = tmp_path / name
    path.write_bytes(playlists(neighbour)[name])
    with path.open("rb") as file, pytest.raises(VideoError) as caught:
        open_container(file, name)
    assert caught.value.reason is FailureReason.NOT_A_VIDEO
    assert path.name in str(caught.value)


def test_a_video_of_another_container_is_refused(plain: Path, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "other.flv", Clip(pts=range(5)))
    assert error_of(path).reason is FailureReason.NOT_A_VIDEO


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert error_of(tmp_path / "empty.mp4").reason is FailureReason.EMPTY


def test_missing_and_folder(tmp_path: Path) -> None:
    assert error_of(tmp_path / "gone.mp4").reason is FailureReason.UNREADABLE
    (tmp_path / "folder.mp4").mkdir()
    assert error_of(tmp_path / "folder.mp4").reason is FailureReason.UNREADABLE


def test_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "rubbish.mp4"
    path.write_bytes(bytes(range(256)) * 400)
    assert error_of(path).reason is FailureReason.NOT_A_VIDEO


class _Failing(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 8192:
            raise ConnectionResetError(104, "Connection reset by peer")
        return super().read(min(size or 4096, 4096))


def test_storage_that_fails_is_unreadable(plain: Path) -> None:
    class Source(LocalFile):
        def open(self) -> BinaryIO:
            return _Failing(self.path.read_bytes())

    with pytest.raises(VideoError) as caught:
        probe(Source(plain), video_id="v", limits=LIMITS)
    assert caught.value.reason is FailureReason.UNREADABLE
    assert plain.name in str(caught.value)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("faststart.mp4", {"movflags": "faststart"}),
        ("index_last.mp4", {}),
        ("fragments.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("matroska.mkv", {}),
        ("riff.avi", {}),
    ],
)
def test_cut_off_files_are_truncated(
    name: str, options: dict[str, str], share: float, tmp_path: Path
) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    whole = write_clip(tmp_path / f"whole_{name}", Clip(codec=codec, container_options=options))
    probe(LocalFile(whole), video_id="v", limits=LIMITS)
    path = tmp_path / name
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    error = error_of(path)
    assert error.reason is FailureReason.TRUNCATED
    assert "Copy it again" in str(error)


def test_announced_frames_that_are_not_there(plain: Path, tmp_path: Path) -> None:
    """Cut off and padded again: sizes agree, so only the frames tell."""
    whole = write_clip(tmp_path / "whole.mp4", Clip(container_options={"movflags": "faststart"}))
    raw = bytearray(whole.read_bytes())
    middle = raw.index(b"mdat") + (len(raw) - raw.index(b"mdat")) // 2
    raw[middle:] = bytes(len(raw) - middle)
    path = tmp_path / "padded.mp4"
    path.write_bytes(raw)
    source = LocalFile(path)
    with pytest.raises(VideoError) as caught:
        for _ in decode(source, probe(source, video_id="v", limits=LIMITS)):
            pass
    assert caught.value.reason in (FailureReason.DECODE, FailureReason.TRUNCATED)
    assert "padded.mp4" in str(caught.value)
    assert source.still_open == 0


def silence() -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    return frame


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("aac", rate=48_000)
        out.mux(stream.encode(silence()))
        out.mux(stream.encode(None))
    error = error_of(path)
    assert error.reason is FailureReason.NOT_A_VIDEO
    assert "no video stream" in str(error)


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "cover.mp4"
    with av.open(str(path), "w") as out:
        sound: Any = out.add_stream("aac", rate=48_000)
        cover: Any = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(texture(0, 96, 64), "rgb24").reformat(format="yuvj420p")
        frame.pts = 0
        packets = cover.encode(frame) + cover.encode(None)
        out.mux(sound.encode(silence()))
        out.mux(packets)
        out.mux(sound.encode(None))
    error = error_of(path)
    assert error.reason is FailureReason.NOT_A_VIDEO


def test_encrypted(tmp_path: Path) -> None:
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    path = write_clip(tmp_path / "secret.mp4", Clip(container_options=options))
    error = error_of(path)
    assert error.reason is FailureReason.UNSUPPORTED
    assert "encrypted" in str(error)


def test_times_that_go_backwards(tmp_path: Path) -> None:
    """AVI has no times for B frames; FFmpeg makes up wrong ones."""
    path = write_clip(tmp_path / "b_frames.avi", Clip(b_frames=2))
    error = error_of(path)
    assert error.reason is FailureReason.UNSUPPORTED
    assert "time stamps" in str(error)


def test_mirrored_and_skewed(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "mirrored.mp4", Clip(pts=range(4), mirrored=True))
    assert error_of(path).reason is FailureReason.UNSUPPORTED
    path = write_clip(tmp_path / "skewed.mp4", Clip(pts=range(4), rotation=30))
    error = error_of(path)
    assert error.reason is FailureReason.UNSUPPORTED
    assert "30 degrees" in str(error)


def test_a_codec_that_nobody_knows(plain: Path, tmp_path: Path) -> None:
    path = tmp_path / "nobody.mp4"
    path.write_bytes(plain.read_bytes().replace(b"avc1\0\0\0\0", b"zzz1\0\0\0\0"))
    assert error_of(path).reason in (FailureReason.UNSUPPORTED, FailureReason.NOT_A_VIDEO)


def test_unknown_codec(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "rare.avi", Clip(codec="huffyuv", pix_fmt="yuv422p"))
    error = error_of(path)
    assert error.reason is FailureReason.UNSUPPORTED
    assert "huffyuv" in str(error)


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (VideoLimits(max_width_px=95), "96x64"),
        (VideoLimits(max_height_px=63), "96x64"),
        (VideoLimits(max_pixels=96 * 64 - 1), "96x64"),
        (VideoLimits(max_frames=47), "48 frames"),
        (VideoLimits(max_duration_s=1.5), "s"),
    ],
)
def test_limits_hold_before_anything_is_decoded(
    limits: VideoLimits, word: str, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*_: object) -> Any:
        raise AssertionError("a frame was decoded")

    # The module, whose name in the package is the function's.
    module = importlib.import_module("fsp_ray.video.probe")
    monkeypatch.setattr(module, "decoded", decoded)
    error = error_of(plain, limits)
    assert error.reason is FailureReason.LIMIT
    assert word in str(error)


def test_limits_hold_where_headers_say_nothing(make_clip: Callable[[str], LocalFile]) -> None:
    path = make_clip("fragments.mp4").path
    assert error_of(path, VideoLimits(max_frames=47)).reason is FailureReason.LIMIT
    path = make_clip("stream.ts").path
    assert error_of(path, VideoLimits(max_duration_s=1.5)).reason is FailureReason.LIMIT


def test_errors_travel_between_processes(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    error = pickle.loads(pickle.dumps(error_of(tmp_path / "empty.mp4")))
    assert error.reason is FailureReason.EMPTY


def test_files_are_closed_after_errors_inside(plain: Path) -> None:
    source = LocalFile(plain)
    with pytest.raises(RuntimeError), open_media(source):
        raise RuntimeError
    assert source.still_open == 0


def test_mux_leaves_nothing_behind_when_it_fails(plain: Path, tmp_path: Path) -> None:
    source = LocalFile(plain)
    info = probe(source, video_id="v", limits=LIMITS)
    short = write_clip(tmp_path / "segment.mp4", Clip(pts=range(20)))
    out = tmp_path / "out" / "published.mp4"
    out.parent.mkdir()
    with pytest.raises(VideoError) as caught:
        mux([short], source, info, out, audio="keep")
    assert caught.value.reason is FailureReason.ENCODE
    assert list(out.parent.iterdir()) == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["b_frames.mp4", "fragments.mp4", "vp9.webm", "stream.ts", "mpeg4.avi"]),
    places=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=30
    ),
)
def test_damaged_files_decode_exactly_or_fail_clearly(
    name: str,
    places: list[tuple[float, int]],
    make_clip: Callable[[str], LocalFile],
    tmp_path: Path,
) -> None:
    raw = bytearray(make_clip(name).path.read_bytes())
    for place, value in places:
        raw[int(place * len(raw))] = value
    path = tmp_path / name
    path.write_bytes(raw)
    source = LocalFile(path)
    try:
        info = probe(source, video_id="v", limits=LIMITS)
        shards = plan_shards(source, info, target_frames=15)
        counts = [sum(len(b) for b in decode(source, info, shard)) for shard in shards]
    except VideoError as raised:
        message = str(raised)
    else:
        message = name
        assert counts == [shard.num_frames for shard in shards]
        assert sum(counts) == info.num_frames
    assert name in message
    assert source.still_open == 0
