"""Sample clips: whole, the same every time, or not there at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from fsp_ray.core.errors import VideoError
from fsp_ray.video.sample import SOUND_RATE_HZ, write_sample


def _frames(count: int = 12) -> Iterator[npt.NDArray[np.uint8]]:
    for number in range(count):
        yield np.full((32, 64, 3), 20 * number, np.uint8)


def _tone(seconds: float) -> npt.NDArray[np.float32]:
    t = np.arange(round(seconds * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    return np.sin(2 * np.pi * 440 * t).astype(np.float32) / 4


def test_frames_and_sound_come_back(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_sample(path, _frames(), frame_rate=24, sound=_tone(0.5))
    with av.open(str(path)) as container:
        grey = [int(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 24
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)[0]
    assert len(grey) == 12
    assert np.abs(np.diff(grey) - 20).max() <= 2
    spectrum = np.abs(np.fft.rfft(sound[2048:-2048]))
    frequency = spectrum.argmax() * SOUND_RATE_HZ / (sound.size - 4096)
    assert frequency == pytest.approx(440, abs=5)


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for path in paths:
        write_sample(path, _frames(), frame_rate=24, sound=_tone(0.3))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def _broken() -> Iterator[npt.NDArray[np.uint8]]:
    yield from _frames(3)
    yield np.zeros((16, 16, 3), np.uint8)


def test_nothing_is_left_of_what_went_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="all be"):
        write_sample(tmp_path / "a.mp4", _broken(), frame_rate=24)
    with pytest.raises(ValueError, match="at least one"):
        write_sample(tmp_path / "b.mp4", iter(()), frame_rate=24)
    with pytest.raises(ValueError, match="sound"):
        write_sample(tmp_path / "c.mp4", _frames(), frame_rate=24, sound=np.zeros(9))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(VideoError, match="no-such-folder"):
        write_sample(tmp_path / "no-such-folder" / "d.mp4", _frames(), frame_rate=24)
