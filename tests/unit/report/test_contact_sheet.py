"""Contact sheets and strips: size, order and content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from fsp_ray.core.errors import SettingsError, VideoError
from fsp_ray.report import Pair, contact_sheet, strip
from fsp_ray.report.contact_sheet import GAP_PX, LABEL_HEIGHT_PX
from fsp_ray.video.sample import write_sample

FRAMES, WIDTH, HEIGHT = 20, 64, 48


def _frames(*, red: int, count: int = FRAMES) -> Iterator[npt.NDArray[np.uint8]]:
    """Plain frames whose green says their number."""
    for number in range(count):
        yield np.full((HEIGHT, WIDTH, 3), (red, 10 * number, 0), np.uint8)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("clips")
    source, published = folder / "source.mp4", folder / "published.mp4"
    write_sample(source, _frames(red=200), frame_rate=10)
    write_sample(published, _frames(red=30), frame_rate=10)
    return source, published


def _picture(path: Path) -> npt.NDArray[np.int64]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture[..., ::-1].astype(np.int64)


def _cells(picture: npt.NDArray[np.int64], columns: int, block: int = 0) -> list[list[int]]:
    """Return red and green of all cells of a block: the upper row, then the lower one."""
    height = LABEL_HEIGHT_PX + 2 * HEIGHT + 3 * GAP_PX
    top = block * height + LABEL_HEIGHT_PX + GAP_PX + HEIGHT // 2
    return [
        picture[y, column * (WIDTH + GAP_PX) + WIDTH // 2, :2].tolist()
        for y in (top, top + HEIGHT + GAP_PX)
        for column in range(columns)
    ]


def test_source_over_published_at_the_same_frames(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    pairs = [Pair.of_files("one", *pair), Pair.of_files("ünï [x]", *pair)]
    contact_sheet(pairs, out, columns=4, cell_width_px=WIDTH)
    picture = _picture(out)
    height = LABEL_HEIGHT_PX + 2 * HEIGHT + 3 * GAP_PX
    assert picture.shape == (2 * height, 4 * WIDTH + 3 * GAP_PX, 3)
    expected = [[red, 10 * frame] for red in (200, 30) for frame in (2, 7, 12, 17)]
    for block in range(2):
        assert np.abs(np.subtract(_cells(picture, 4, block), expected)).max() <= 4
        label = picture[block * height : block * height + LABEL_HEIGHT_PX]
        assert label.min() < 100 < label.max()


def test_a_strip_takes_frames_by_time_or_number(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "strip.png"
    strip(*pair, out, every_s=0.8, cell_width_px=WIDTH)
    expected = [[red, 10 * frame] for red in (200, 30) for frame in (0, 8, 16)]
    assert np.abs(np.subtract(_cells(_picture(out), 3), expected)).max() <= 4
    strip(*pair, out, frames=[19, 3, 3, 99], cell_width_px=WIDTH)
    expected = [[red, 10 * frame] for red in (200, 30) for frame in (3, 19)]
    assert np.abs(np.subtract(_cells(_picture(out), 2), expected)).max() <= 4


def test_frames_are_scaled_to_the_width_asked_for(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "strip.png"
    strip(*pair, out, frames=[0], cell_width_px=128)
    assert _picture(out).shape == (LABEL_HEIGHT_PX + 2 * 96 + 3 * GAP_PX, 128, 3)


def test_what_makes_no_picture_is_said(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "strip.png"
    with pytest.raises(SettingsError, match="20"):
        strip(*pair, out, frames=[20])
    with pytest.raises(SettingsError, match="every_s"):
        strip(*pair, out, every_s=0)
    with pytest.raises(SettingsError, match="one pair"):
        contact_sheet([], out)
    with pytest.raises(VideoError):
        strip(pair[0], tmp_path / "missing.mp4", out)
    assert not out.exists()


def test_two_videos_of_different_length_are_no_pair(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    short = tmp_path / "short.mp4"
    write_sample(short, _frames(red=30, count=FRAMES - 1), frame_rate=10)
    with pytest.raises(VideoError, match="19 frames"):
        strip(pair[0], short, tmp_path / "strip.png")


def test_a_picture_that_cannot_be_written_is_said(pair: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"strip\.png"):
        strip(*pair, tmp_path / "file" / "strip.png", frames=[0])
