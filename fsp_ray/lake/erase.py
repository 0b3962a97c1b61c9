"""Takes videos out of a lake, files and rows: as if they had never been done."""

from __future__ import annotations

from collections.abc import Sequence

from fsp_ray.lake import delta, layout
from fsp_ray.lake.batches import batched
from fsp_ray.lake.commit import CHUNK_VIDEOS
from fsp_ray.lake.fingerprints import load_memory, save_memory
from fsp_ray.lake.ledger import LedgerEntry
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import DETAIL_TABLES, VIDEOS


def withdraw(storage: Storage, source_path: str) -> None:
    """Remove a published video and its certificate, if they are there."""
    storage.remove(layout.published_path(source_path))
    storage.remove(layout.certificate_path(source_path))


def erase(storage: Storage, entries: Sequence[LedgerEntry]) -> None:
    """Remove the published files and all rows of some videos.

    The files go first: a row whose file is gone is found again by whoever dies in between, and a
    file whose row is gone is not. Replaced files of the tables still hold the rows until they are
    vacuumed (`fsp maintain`).

    Raises:
        LakeError: the lake can't be written; do it again.
    """
    for some in batched(entries, CHUNK_VIDEOS):
        for entry in some:
            withdraw(storage, entry.source_path)
        predicate = delta.any_of("video_id", (entry.video_id for entry in some))
        for table in (*DETAIL_TABLES, VIDEOS):
            delta.delete(storage, table.name, predicate)
    _forget(storage, {entry.source_uri for entry in entries})


def _forget(storage: Storage, uris: set[str]) -> None:
    """Forget what the files' content was."""
    memory = load_memory(storage)
    if uris & memory.keys():
        kept = {uri: known for uri, known in memory.items() if uri not in uris}
        save_memory(storage, kept)
