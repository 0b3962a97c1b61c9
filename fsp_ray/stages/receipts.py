"""What a stage returned, kept beside what it staged, so that no one does it twice.

A run that takes over a dead run's staging, and a task that is repeated because its worker died
after it had finished, get the receipt instead of doing the work. It is written last: with it, all
that the stage stages is there. Its name says what was done, so a later round is work of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from fsp_ray.stages.results import (
    AnalysedShard,
    JudgedVideo,
    RehearsedShard,
    RenderedShard,
    ResolvedVideo,
)
from fsp_ray.stages.staging import RECEIPTS, Staging

T = TypeVar("T", AnalysedShard, JudgedVideo, RehearsedShard, RenderedShard, ResolvedVideo)


def once(staging: Staging, name: str, kind: type[T], work: Callable[[], T]) -> T:
    """Return what the work returned when it was done before; else do it and keep what it returns.

    Args:
        staging: of the video.
        name: what is done, to which shard, in which round: its own for each piece of work.
        kind: type of what the work returns. Kept without its seconds: they were another's.
    """
    found = _found(staging, name, kind)
    if found is not None:
        return found
    done = work()
    with staging.writing(_path(name)) as path:
        path.write_bytes(_adapter(kind).dump_json(replace(done, seconds={})))
    return done


def _found(staging: Staging, name: str, kind: type[T]) -> T | None:
    path = staging.root / _path(name)
    if not path.is_file():
        return None
    try:
        return _adapter(kind).validate_json(path.read_bytes())
    except ValidationError:  # of another version: what it is a receipt for is done anew
        return None


def _path(name: str) -> str:
    return f"{RECEIPTS}/{name.replace('/', '-')}.json"


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)
