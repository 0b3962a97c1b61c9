"""Files that only one can create, and how old a file is by the clock of whoever keeps it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass

from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.storage import Storage


@dataclass(frozen=True, slots=True)
class Aged:
    """A small file, and how long ago at least it was written, by the store's clock."""

    data: bytes
    age_s: float


def create(storage: Storage, rel: str, data: bytes) -> bool:
    """Write a small file if there is none of that name; return False if there is.

    Raises:
        LakeError: the store can't be written.
    """
    with lake_errors(f"write {storage.uri(rel)}"):
        local = storage.is_local
        made = _create_local(storage, rel, data) if local else storage.objects.create(rel, data)
        if made:
            return True
    # An answer that was lost on its way, and asked for again, says no to its own file.
    found = read_aged(storage, rel)
    return found is not None and found.data == data


def read_aged(storage: Storage, rel: str) -> Aged | None:
    """Read a small file, if it is there.

    Raises:
        LakeError: the store can't be read.
    """
    with lake_errors(f"read {storage.uri(rel)}"):
        try:
            if storage.is_local:
                return _aged_local(storage, rel)
            return Aged(*storage.objects.read_aged(rel))
        except FileNotFoundError:
            return None


def _create_local(storage: Storage, rel: str, data: bytes) -> bool:
    target = storage.local(rel)
    target.parent.mkdir(parents=True, exist_ok=True)
    arriving = target.with_name(f".{secrets.token_hex(8)}")
    try:
        arriving.write_bytes(data)
        os.link(arriving, target)  # refuses where open(…, "x") would show a file half written
    except FileExistsError:
        return False
    finally:
        arriving.unlink(missing_ok=True)
    return True


def _aged_local(storage: Storage, rel: str) -> Aged:
    path = storage.local(rel)
    # A file server's clock, not ours, dates its files; it dates this one, too.
    probe = path.with_name(f".{secrets.token_hex(8)}")
    try:
        probe.touch()
        with path.open("rb") as file:
            written_s = os.fstat(file.fileno()).st_mtime
            return Aged(file.read(), max(0.0, probe.stat().st_mtime - written_s))
    finally:
        probe.unlink(missing_ok=True)
