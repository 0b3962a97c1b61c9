"""Files that only one can create, and how old a file is by the clock of whoever keeps it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from fsspec.asyn import sync

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
        create_there = _create_local if storage.is_local else _create_in_bucket
        if create_there(storage, rel, data):
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
            return _aged_local(storage, rel) if storage.is_local else _aged_in_bucket(storage, rel)
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


def _create_in_bucket(storage: Storage, rel: str, data: bytes) -> bool:
    bucket, key = _place(storage, rel)
    try:
        storage.filesystem.call_s3("put_object", Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
    except OSError as error:
        if _is_conflict(error):
            return False
        raise
    return True


def _is_conflict(error: OSError) -> bool:
    """Whether a conditional write was refused: s3fs has no word of its own for that."""
    cause: Any = error.__cause__
    response: dict[str, Any] = getattr(cause, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return isinstance(error, FileExistsError) or status in (409, 412)


def _aged_in_bucket(storage: Storage, rel: str) -> Aged:
    bucket, key = _place(storage, rel)
    filesystem = storage.filesystem

    async def get() -> Aged:
        answer = await filesystem._call_s3("get_object", Bucket=bucket, Key=key)
        data: bytes = await answer["Body"].read()
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        # Both are cut to whole seconds: it is at least so old, or a lease would end too early.
        age_s = (now - answer["LastModified"]).total_seconds() - 1
        return Aged(data, max(0.0, age_s))

    aged: Any = sync(filesystem.loop, get)
    return aged


def _place(storage: Storage, rel: str) -> tuple[str, str]:
    bucket, _, key = storage.uri(rel).removeprefix("s3://").partition("/")
    return bucket, key
