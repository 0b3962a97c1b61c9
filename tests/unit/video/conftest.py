from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.media import CLIPS, LocalFile, write_clip

MakeClip = Callable[[str], LocalFile]


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """Write a clip of CLIPS once, and give it as a source."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str) -> LocalFile:
        path = folder / name
        return LocalFile(path if path.exists() else write_clip(path, CLIPS[name]))

    return make


@pytest.fixture
def plain(make_clip: MakeClip) -> Path:
    return make_clip("plain.mp4").path
