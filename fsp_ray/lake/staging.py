"""The folder of a run's intermediate files. Biometric data lie there: it goes with the run.

A run holds a lock beside its folder for as long as it lives; the operating system lets go of it
however the run dies. So a folder whose lock can be taken belongs to nobody, and whoever comes
next removes it. A clock, or a process id on another machine, would only be a guess.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.layout import PUBLISHING, STAGING, staging_path
from fsp_ray.lake.storage import Storage

STAGING_VARIABLE: Final = "FSP_STAGING"
"""Folder for the staging of lakes in a bucket; all nodes must see it. Default: the temp folder."""

_LOCK_SUFFIX: Final = ".lock"
# No upload lasts so long; a file that waits longer was left by a process that died.
_PUBLISHING_AGE_S: Final = 24 * 3600


@contextmanager
def staging(storage: Storage, run_id: str) -> Generator[Path]:
    """Make the staging folder of a run, and remove it when the block ends, well or not.

    Folders of runs that died are removed first. Only this user can look into it.

    Raises:
        LakeError: it can't be made, or the run is at work already.
    """
    folder = _root(storage) / staging_path(run_id).removeprefix(f"{STAGING}/")
    with lake_errors(f"make the staging folder {folder}"):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        collect_staging(storage)
        lock = _locked(_lock_path(folder))
        if lock is None:
            raise LakeError(f"The run {run_id} is at work already.", advice="Start another run.")
    try:
        with lake_errors(f"make the staging folder {folder}"):
            folder.mkdir(mode=0o700, exist_ok=True)
        yield folder
    finally:
        _remove(folder, lock)


def collect_staging(storage: Storage) -> tuple[str, ...]:
    """Remove the staging of runs that died, and videos that died on their way; return the runs."""
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
                _remove(folder, lock)
                removed.append(folder.name)
        _collect_publishing(storage)
    return tuple(removed)


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
