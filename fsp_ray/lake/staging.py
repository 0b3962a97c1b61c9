"""The folder of a run's intermediate files. Biometric data lie there: it goes with the run.

A video that a dead run was at work on is taken over by the next one that does it; all else that
dead runs have left is removed. A run holds a lock beside its folder for as long as it lives; the
operating system lets go of it however the run dies. So a folder whose lock can be taken belongs to
nobody. A clock, or a process id on another machine, would only be a guess.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.layout import PUBLISHING, STAGING, staging_path
from fsp_ray.lake.storage import Storage

STAGING_VARIABLE: Final = "FSP_STAGING"
"""Folder for the staging of lakes in a bucket; all nodes must see it. Default: the temp folder."""

TOMBSTONES: Final = "tombstones"
"""In a video's folder: what its workers died of. A death is no step forward."""

_LOCK_SUFFIX: Final = ".lock"
_ORIGIN: Final = "origin.json"  # in a video's folder: what it is of
# No upload lasts so long; a file that waits longer was left by a process that died.
_PUBLISHING_AGE_S: Final = 24 * 3600


@contextmanager
def staging(
    storage: Storage, run_id: str, wanted: Mapping[str, str] | None = None
) -> Generator[Path]:
    """Make the staging folder of a run, and remove it when the block ends, well or not.

    What runs that died have left is removed first, but for the folders of videos that this run is
    going to do: it goes on where they were. Only this user can look into it.

    Args:
        storage: of the lake.
        run_id: the run.
        wanted: by the name of a video's folder what it must be of, as told to `stage_video`.

    Raises:
        LakeError: it can't be made, or the run is at work already.
    """
    folder = _root(storage) / staging_path(run_id).removeprefix(f"{STAGING}/")
    with lake_errors(f"make the staging folder {folder}"):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = _locked(_lock_path(folder))
        if lock is None:
            raise LakeError(f"The run {run_id} is at work already.", advice="Start another run.")
    try:
        with lake_errors(f"make the staging folder {folder}"):
            folder.mkdir(mode=0o700, exist_ok=True)
            _collect(storage, lambda dead: _take_over(dead, folder, wanted or {}))
        yield folder
    finally:
        _remove(folder, lock)


def stage_video(folder: Path, name: str, of: str) -> None:
    """Make the folder of one video in a run's staging, unless it was taken over.

    Args:
        folder: of the run.
        name: of the video's folder.
        of: the content and settings that all in it hangs on.
    """
    video = folder / name
    if not (video / _ORIGIN).is_file():
        video.mkdir(mode=0o700, exist_ok=True)
        _mark(video, of)


def is_dead(storage: Storage, run_id: str) -> bool:
    """Return True if a run is surely dead: it was of this machine, and nobody holds its staging.

    Of another machine's it can't be told: not every network file system hands locks on.
    """
    folder = _root(storage) / staging_path(run_id).removeprefix(f"{STAGING}/")
    path = _lock_path(folder)
    with lake_errors(f"look at the staging folder {folder}"):
        if not path.is_file() or path.read_text(encoding="utf-8") != socket.gethostname():
            return False
        lock = _locked(path)
        if lock is None:
            return False
        os.close(lock)
    return True


def collect_staging(storage: Storage) -> tuple[str, ...]:
    """Remove the staging of runs that died, and videos that died on their way; return the runs."""
    return _collect(storage, lambda _: None)


def _collect(storage: Storage, before: Callable[[Path], None]) -> tuple[str, ...]:
    """Remove the staging of dead runs, each after something was done with it; return the runs."""
    root = _root(storage)
    if not root.is_dir():
        return ()
    removed: list[str] = []
    with lake_errors(f"clear the staging folder {root}"):
        for folder in sorted(root.iterdir()):
            if folder == storage_publishing(storage) or not folder.is_dir():
                continue
            lock = _locked(_lock_path(folder))
            if lock is not None:
                before(folder)
                _remove(folder, lock)
                removed.append(folder.name)
        _collect_publishing(storage)
    return tuple(removed)


def _take_over(dead: Path, folder: Path, wanted: Mapping[str, str]) -> None:
    """Move what a dead run has left of the wanted videos."""
    for video in sorted(dead.iterdir()):
        of = wanted.get(video.name)
        if of is None or not video.is_dir() or (folder / video.name).exists():
            continue
        for partial in video.rglob(".*"):  # what was being written
            partial.unlink()
        if _got_further(video, of):
            # Moved away from where a worker that outlived the dead run would write.
            video.rename(folder / video.name)
            _mark(folder / video.name, of)


def _got_further(video: Path, of: str) -> bool:
    """Return True if the folder is of the same, and the dead run had added to it.

    Else a video that kills whoever works on it would be handed on for ever, with all that is
    biometric in it.
    """
    try:
        origin = json.loads((video / _ORIGIN).read_text(encoding="utf-8"))
        return origin["of"] == of and origin["files"] < _num_files(video)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # died while it was made


def _mark(video: Path, of: str) -> None:
    text = json.dumps({"of": of, "files": _num_files(video)})
    arriving = video / f".{_ORIGIN}"
    arriving.write_text(text, encoding="utf-8")
    arriving.replace(video / _ORIGIN)


def _num_files(video: Path) -> int:
    files = (path.relative_to(video) for path in video.rglob("*") if path.is_file())
    return sum(1 for file in files if file.name != _ORIGIN and file.parts[0] != TOMBSTONES)


def storage_publishing(storage: Storage) -> Path | None:
    """Return where a local lake's videos wait to be published."""
    return storage.local(PUBLISHING) if storage.is_local else None


def _collect_publishing(storage: Storage) -> None:
    folder = storage_publishing(storage)
    if folder is None or not folder.is_dir():
        return
    for path in folder.iterdir():
        try:
            if time.time() - path.stat().st_mtime > _PUBLISHING_AGE_S:
                path.unlink()
        except FileNotFoundError:
            continue  # published, or collected by somebody else


def _root(storage: Storage) -> Path:
    if storage.is_local:
        return storage.local(STAGING)
    return Path(os.environ.get(STAGING_VARIABLE) or tempfile.gettempdir()) / "fsp_staging"


def _lock_path(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK_SUFFIX)


def _locked(path: Path) -> int | None:
    """Return a descriptor that holds the lock, or None if somebody else does."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        # A collector may have removed the file between our two calls: then this lock is one
        # on a file that nobody will find again.
        if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
            os.truncate(descriptor, 0)
            os.write(descriptor, socket.gethostname().encode())
            return descriptor
        os.close(descriptor)


def _remove(folder: Path, lock: int) -> None:
    """Remove a folder, then its lock, which we hold."""
    with lake_errors(f"remove the staging folder {folder}"):
        try:
            shutil.rmtree(folder, ignore_errors=False)
        except FileNotFoundError:
            pass  # never made
        finally:
            if not folder.exists():
                _lock_path(folder).unlink(missing_ok=True)
            os.close(lock)
