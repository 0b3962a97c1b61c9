"""Where a run keeps what lies between its stages. Everything biometric lives and dies here."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from fsp_ray.core.errors import FailureReason, VideoError


@dataclass(frozen=True, slots=True)
class Staging:
    """The staging folder of one video in one run. Names are deterministic.

    A stage that is done twice (Ray retries a lost actor's task) overwrites its own file, whole.
    """

    root: Path

    @property
    def video_id(self) -> str:
        """Of the video."""
        return self.root.name

    @contextmanager
    def writing(self, name: str) -> Generator[Path]:
        """Give a path to write to; it becomes `name` when the block ends well, else it goes.

        Raises:
            FileNotFoundError: the run is over, and its folder gone. A worker that outlived its run
                must not bring it back.
        """
        target = self.root / name
        self.root.mkdir(mode=0o700, exist_ok=True)
        target.parent.mkdir(exist_ok=True)
        partial = target.with_name(f".{secrets.token_hex(4)}.{target.name}")
        try:
            yield partial
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def reading(self, name: str) -> Path:
        """Return the path of what an earlier stage wrote.

        Raises:
            VideoError: it is not there, which means that a worker died in mid-write.
        """
        path = self.root / name
        if not path.is_file():
            raise VideoError(
                FailureReason.WORKER,
                f"The staged file {name} is missing.",
                advice="Run again: only this video is done again.",
            )
        return path

    def plan_of(self, rounds: int) -> Path:
        """Return the path of the plan that was drawn by after so many judgements.

        Raises:
            VideoError: as `reading`.
        """
        changed = (self.root / plan_before(rounds)).is_file()
        return self.reading(plan_before(rounds) if changed else PLAN_NAME)

    def sha256(self, name: str) -> str:
        """Return the hash of what an earlier stage wrote.

        Raises:
            VideoError: as `reading`.
        """
        with self.reading(name).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def clear(self, *, but: Collection[str] = ()) -> None:
        """Remove what is staged of the video, but for some names of the first level."""
        if not self.root.is_dir():
            return
        for path in self.root.iterdir():
            if path.name in but:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        if not but:
            self.root.rmdir()

    def of_run(self, name: str) -> list[Path]:
        """Return the paths of what all videos of the run have staged by now under a name."""
        return sorted(self.root.parent.glob(f"*/{name}"))


def tracks_name(shard_id: str) -> str:
    """Name of a shard's trajectories (meshes of every frame)."""
    return f"tracks/{shard_id}.npz"


def summaries_name(shard_id: str) -> str:
    """Name of what is kept of a shard's tracks to link them."""
    return f"summaries/{shard_id}.npz"


def border_name(shard_id: str) -> str:
    """Name of a shard's first and last frame, shrunk: is there a cut between two shards?"""
    return f"borders/{shard_id}.npz"


def views_name(shard_id: str) -> str:
    """Name of a shard's looks at heads, to try synthetic faces on."""
    return f"views/{shard_id}.npz"


def segment_name(shard_id: str) -> str:
    """Name of a shard's encoded segment."""
    return f"segments/{shard_id}.mkv"


def plan_before(rounds: int) -> str:
    """Name of the plan that was drawn by after so many judgements, if it was changed then."""
    return f"plans/{rounds:03d}.npz"


PLAN_NAME = "plan.npz"
"""Name of who gets which face, in the whole video."""

RECEIPTS = "receipts"
"""Folder of what the stages returned."""
