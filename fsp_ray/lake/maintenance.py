"""Keeps a lake small and quick: sweeps up debris, joins small files, drops what nobody reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fsp_ray.lake import delta
from fsp_ray.lake.commit import sweep
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.staging import collect_staging
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import TABLES

KEPT_HOURS: Final = 7 * 24
"""Replaced files stay so long, for readers that opened the tables before."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What was done.

    Attributes:
        runs_collected: dead runs whose staging is gone.
        rows_swept: rows of commits that died.
        files_compacted: small files that were joined.
        files_removed: replaced files that were dropped.
    """

    runs_collected: tuple[str, ...]
    rows_swept: int
    files_compacted: int
    files_removed: int


def maintain(storage: Storage, *, kept_hours: int = KEPT_HOURS) -> Maintenance:
    """Maintain a lake; runs may be at work on it.

    Args:
        kept_hours: replaced files younger than this stay.

    Raises:
        LakeError: a table can't be read or written.
    """
    runs = collect_staging(storage)
    rows = sweep(storage)
    compacted = removed = 0
    for table in TABLES:
        with lake_errors(f"maintain the table {table}"):
            joined = delta.retried(lambda name=table: delta.compact(storage, name))
            compacted += joined
            removed += delta.vacuum(storage, table, kept_hours)
    return Maintenance(runs, rows, compacted, removed)
