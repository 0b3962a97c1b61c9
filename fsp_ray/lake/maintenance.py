"""Keeps a lake small, quick and whole.

Sweeps up what died, adds columns that a newer version knows, joins small files, drops what nobody
reads any more, and compares files with rows. Runs may be at work on it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from fsp_ray.core.errors import BusyError
from fsp_ray.lake import delta
from fsp_ray.lake.commit import sweep
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.layout import TABLES as TABLES_FOLDER
from fsp_ray.lake.lease import leased
from fsp_ray.lake.migrate import migrate
from fsp_ray.lake.staging import collect_staging
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import TABLES
from fsp_ray.lake.verify import Depth, Finding, Verification, verify

KEPT_HOURS: Final = 7 * 24
"""Replaced files stay so long, for readers that opened the tables before."""

# No transaction takes so long. Under that, only with nobody at work: a run could lose the files
# that it reads, or take a version of the log that was given out already.
_SAFE_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What was done.

    Attributes:
        runs_collected: dead runs whose staging is gone.
        uploads_aborted: into a bucket, that died on their way.
        columns_added: that the tables lacked, as `table.column`.
        rows_swept: rows of commits that died.
        files_compacted: small files that were joined.
        files_removed: replaced files of tables that were dropped.
        kept_hours: younger ones were not.
        problems: how many there are.
        findings: of those, the first MOST_PROBLEMS.
        verification: None if nothing was compared.
    """

    runs_collected: tuple[str, ...]
    uploads_aborted: int
    columns_added: tuple[str, ...]
    rows_swept: int
    files_compacted: int
    files_removed: int
    kept_hours: int
    problems: int
    findings: tuple[Finding, ...]
    verification: Verification | None


def maintain(
    storage: Storage, *, kept_hours: int = KEPT_HOURS, depth: Depth = "none"
) -> Maintenance:
    """Maintain a lake.

    Args:
        kept_hours: replaced files of tables, and their log, stay for so long. Under 24 only
            while nobody else is at work; then 0 makes rows that were deleted unreadable at once.
        depth: what is verified in the end.

    Raises:
        LakeError: a table can't be read or written.
    """
    runs = collect_staging(storage)
    uploads = storage.abort_uploads()
    columns = migrate(storage)
    rows = sweep(storage)
    compacted = removed = 0
    with _alone_if(storage, wanted=kept_hours < _SAFE_HOURS) as alone:
        hours = kept_hours if alone else max(kept_hours, _SAFE_HOURS)
        for table in TABLES:
            with lake_errors(f"maintain the table {table}"):
                compacted += delta.retried(lambda name=table: delta.compact(storage, name))
                removed += delta.vacuum(storage, table, hours, orphan_hours=_SAFE_HOURS)
                delta.shorten_log(storage, table, hours)
    delayed = () if hours == kept_hours else (_not_dropped(hours),)
    verification = None if depth == "none" else verify(storage, depth)
    problems, findings = (
        (0, ()) if not verification else (verification.problems, verification.findings)
    )
    return Maintenance(
        runs,
        uploads,
        columns,
        rows,
        compacted,
        removed,
        hours,
        len(delayed) + problems,
        (*delayed, *findings),
        verification,
    )


@contextmanager
def _alone_if(storage: Storage, *, wanted: bool) -> Generator[bool]:
    """Keep runs out during the block, if that is wanted; give whether it holds."""
    if not wanted:
        yield False
        return
    with ExitStack() as held:
        try:
            held.enter_context(leased(storage, "maintain", wait_s=0))
        except BusyError:
            yield False
            return
        yield True


def _not_dropped(hours: int) -> Finding:
    return Finding(
        TABLES_FOLDER,
        f"a run is at work: files replaced in the last {hours} hours were kept, as were rows that"
        " were deleted since; maintain again when it is over",
    )
