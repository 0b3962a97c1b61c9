"""What a run has to do: the source against the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fsp_ray.core.progress import Problem, VideoStatus
from fsp_ray.lake import Lake, LedgerEntry, Listing, SourceVideo, list_source
from fsp_ray.raydata.request import RunRequest


@dataclass(frozen=True, slots=True)
class Worklist:
    """The source against the ledger.

    Attributes:
        todo: videos to do.
        unchanged: how many are published already, with this content, pack and settings.
        given_up: those that failed before, for a reason that lies in the file, or too often.
        attempts: of the videos to do that failed before, for a reason that may pass, how often in a
            row; by video_id.
        present: how many videos the source has, of those that are meant.
        deleted: those that the lake has and the source has no more.
    """

    todo: tuple[SourceVideo, ...]
    unchanged: int
    given_up: tuple[Problem, ...]
    attempts: Mapping[str, int]
    present: int
    deleted: tuple[LedgerEntry, ...]


def plan(request: RunRequest) -> Worklist:
    """Return what a run would do; writes nothing to the lake but its memory of hashes.

    Raises:
        SourceError: the source can't be listed.
        LakeError: the lake can't be read.
    """
    lake = Lake.open(request.lake) if Lake.exists(request.lake) else None
    listing = _listed(request, lake)
    ledger = lake.ledger() if lake else {}
    todo: list[SourceVideo] = []
    given_up: list[Problem] = []
    attempts: dict[str, int] = {}
    unchanged = 0
    for source in listing:
        entry = ledger.get(source.video_id)
        if entry is None or not _is_same(entry, source, request):
            todo.append(source)
        elif entry.is_published:
            unchanged += 1
        elif request.retry_failed or not entry.is_final:
            todo.append(source)
            attempts[source.video_id] = 0 if request.retry_failed else entry.attempts
        else:
            given_up.append(Problem(source.path, _status(entry.status), entry.reason))
    deleted = _deleted(ledger, listing, request) if request.deleted != "ignore" else ()
    return Worklist(
        todo=tuple(todo[: request.limit]),
        unchanged=unchanged,
        given_up=tuple(given_up),
        attempts=attempts,
        present=len(listing.paths),
        deleted=tuple(deleted),
    )


def _listed(request: RunRequest, lake: Lake | None) -> Listing:
    if lake is None or request.dry_run:  # the lake's memory of hashes is a write
        return list_source(request.source, request.selection)
    return lake.list_source(request.source, request.selection)


def _is_same(entry: LedgerEntry, source: SourceVideo, request: RunRequest) -> bool:
    settings = request.settings
    return entry.is_same(
        fingerprint=source.fingerprint, pack=settings.pack, settings_hash=settings.hash
    )


def _deleted(
    ledger: Mapping[str, LedgerEntry], listing: Listing, request: RunRequest
) -> list[LedgerEntry]:
    """Return the rows of this very source, of paths that are meant, whose file is gone.

    Rows of a source at another place may be somebody else's, and are left alone.
    """
    gone = (
        entry
        for entry in ledger.values()
        if entry.source_path  # of an older version: it can't be told
        and entry.source_path not in listing.paths
        and request.selection.has_path(entry.source_path)
        and entry.source_uri.startswith(f"{listing.root}/")
    )
    return sorted(gone, key=lambda entry: entry.source_path)


def _status(word: str) -> VideoStatus:
    return "quarantined" if word == "quarantined" else "failed"
