from __future__ import annotations

from pathlib import Path

import pytest

from fsp_ray.core.errors import VideoError
from fsp_ray.stages.staging import Staging


def test_a_file_shows_only_when_it_is_whole(tmp_path: Path) -> None:
    staging = Staging(tmp_path)
    with staging.writing("tracks/a.npz") as path:
        path.write_bytes(b"half")
        assert not (tmp_path / "tracks/a.npz").exists()
    assert staging.reading("tracks/a.npz").read_bytes() == b"half"


def test_a_broken_write_leaves_nothing(tmp_path: Path) -> None:
    staging = Staging(tmp_path)

    def write_half() -> None:
        with staging.writing("a") as path:
            path.write_bytes(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(VideoError, match="missing"):
        staging.reading("a")
