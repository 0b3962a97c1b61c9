"""The Delta tables of a lake: made, opened, written, with races retried."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.errors import CutShortError, lake_errors
from fsp_ray.lake.layout import table_path
from fsp_ray.lake.patience import patience_s
from fsp_ray.lake.schema import Table
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import TABLES

T = TypeVar("T")

ATTEMPTS: Final = 12
_FIRST_WAIT_S: Final = 0.05
_LONGEST_WAIT_S: Final = 3.0


def create_tables(storage: Storage) -> None:
    """Make the tables that are missing; somebody else may be making them at the same time.

    Raises:
        LakeError: one can't be made.
    """
    for table in TABLES.values():
        whole_answers(lambda table=table: _create(storage, table))


def _create(storage: Storage, table: Table) -> None:
    with lake_errors(f"make the table {table.name}"):
        retried(lambda: _create_if_missing(storage, table))


def _create_if_missing(storage: Storage, table: Table) -> None:
    uri = storage.uri(table_path(table.name))
    options = dict(storage.delta_options)
    if DeltaTable.is_deltatable(uri, options):
        return
    try:
        DeltaTable.create(
            uri,
            schema=table.schema,
            name=table.name,
            description=table.description,
            storage_options=options,
        )
    except DeltaError:  # lost the race, which is fine, or something is wrong
        if not DeltaTable.is_deltatable(uri, options):
            raise


def open_table(storage: Storage, table: str) -> DeltaTable:
    """Open the newest version of a table.

    Raises:
        LakeError: missing, damaged or unreadable.
    """
    return whole_answers(lambda: _opened(storage, table))


def _opened(storage: Storage, table: str) -> DeltaTable:
    uri = storage.uri(table_path(table))
    with lake_errors(f"read the table {table}"):
        try:
            return DeltaTable(uri, storage_options=dict(storage.delta_options))
        except TableNotFoundError as error:
            raise LakeError(
                f"The lake {storage.root} has lost its table {table}.",
                advice="Restore tables/ from a backup, or run fsp anonymize again: it makes the"
                " missing table and does every video anew.",
            ) from error


def read(storage: Storage, table: str, columns: Sequence[str]) -> Any:
    """Return some columns of a table as a pyarrow Table; one made before a column has nulls in it.

    Raises:
        LakeError: missing, damaged or unreadable.
    """
    with lake_errors(f"read the table {table}"):
        rows = open_table(storage, table).to_pyarrow_dataset()
        have = rows.to_table(columns=[name for name in columns if name in rows.schema.names])
        known = TABLES[table].schema
        for place, name in enumerate(columns):
            if name not in rows.schema.names:
                nulls = pa.nulls(have.num_rows, known.field(name).type)
                have = have.add_column(place, name, nulls)
    return have


def append(storage: Storage, table: str, rows: Any) -> None:
    """Add a pyarrow Table's rows; columns that an older version did not know are added."""
    if rows.num_rows:
        bare = _bare(rows)
        with lake_errors(f"write the table {table}"):
            retried(
                lambda: write_deltalake(
                    open_table(storage, table), bare, mode="append", schema_mode="merge"
                )
            )


def replace(delta: DeltaTable, rows: Any, predicate: str) -> None:
    """Replace the rows that match by others that match, in one step.

    Raises:
        CommitFailedError: matching rows changed since `delta` was opened.
    """
    write_deltalake(delta, _bare(rows), mode="overwrite", predicate=predicate, schema_mode="merge")


def _bare(rows: Any) -> Any:
    """Return rows without the words about their columns.

    A table keeps those that it was made with: Delta refuses rows that say something else.
    """
    fields = [field.remove_metadata() for field in rows.schema]
    return rows.cast(pa.schema(fields))


def delete(storage: Storage, table: str, predicate: str) -> int:
    """Delete the rows that match; return how many they were."""

    def step() -> int:
        with lake_errors(f"write the table {table}"):
            done = retried(lambda: open_table(storage, table).delete(predicate))
        return int(done["num_deleted_rows"])

    return whole_answers(step)


def compact(storage: Storage, table: str) -> int:
    """Join a table's small files; return how many they were.

    Raises:
        CommitFailedError: somebody changed rows meanwhile.
    """
    return int(open_table(storage, table).optimize.compact()["numFilesRemoved"])


def vacuum(storage: Storage, table: str, kept_hours: int, *, orphan_hours: int) -> int:
    """Remove files that no version younger than `kept_hours` needs; return how many.

    Files that no version ever had were left by a writer that died, or belong to one that is about
    to commit: they go when they are older than `orphan_hours`, too.
    """
    hours = max(kept_hours, orphan_hours)
    removed = _vacuum(storage, table, hours, full=True)
    return removed + (_vacuum(storage, table, kept_hours, full=False) if kept_hours < hours else 0)


def _vacuum(storage: Storage, table: str, hours: int, *, full: bool) -> int:
    opened = open_table(storage, table)

    def vacuumed(*, dry_run: bool) -> int:
        return len(
            opened.vacuum(hours, dry_run=dry_run, enforce_retention_duration=False, full=full)
        )

    return vacuumed(dry_run=False) if vacuumed(dry_run=True) else 0  # it writes to the log


_LOG_KEPT: Final = "delta.logRetentionDuration"
_LOG_KEPT_HOURS: Final = 7 * 24


def shorten_log(storage: Storage, table: str, kept_hours: int) -> None:
    """Write a checkpoint, and drop older entries of the log that are older than `kept_hours`.

    They hold the least and greatest values of files that are gone, source paths among them.
    """
    retried(lambda: _keep_log(storage, table, kept_hours))
    opened = open_table(storage, table)
    opened.create_checkpoint()
    opened.cleanup_metadata()
    # Logs are shortened by writers, too, and under their feet it must not happen.
    retried(lambda: _keep_log(storage, table, max(kept_hours, _LOG_KEPT_HOURS)))


def _keep_log(storage: Storage, table: str, hours: int) -> None:
    opened = open_table(storage, table)
    wanted = f"interval {hours} hours"
    if opened.metadata().configuration.get(_LOG_KEPT) != wanted:
        opened.alter.set_table_properties({_LOG_KEPT: wanted})


def retried(step: Callable[[], T]) -> T:
    """Do a step again, a bounded number of times, while others win the race for the table.

    Raises:
        LakeError: it lost every time.
    """
    lost: CommitFailedError | None = None
    for attempt in range(ATTEMPTS):
        try:
            return step()
        except CommitFailedError as error:
            lost = error
        # Random, so that two that collided don't collide again.
        longest_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2**attempt)
        time.sleep(longest_s * secrets.randbelow(1000) / 1000)
    raise LakeError(
        f"Others write to the lake all the time; gave up after {ATTEMPTS} attempts.",
        advice="Run again when fewer runs share it: finished videos are not done twice.",
    ) from lost


def whole_answers(step: Callable[[], T]) -> T:
    """Do a step again, for a while, if a server's answer broke off in it, or never came.

    Those are the faults that deltalake does not ride out by itself: in listings, and where it
    commits. The step must be one that may be done twice.

    Raises:
        LakeError: the answers go on breaking off, or another reason.
    """
    began, wait_s = time.monotonic(), _FIRST_WAIT_S
    while True:
        try:
            return step()
        except CutShortError:
            if time.monotonic() - began + wait_s > patience_s():
                raise
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


def any_of(column: str, values: Iterable[str]) -> str:
    """Return the predicate that a column has one of some values."""
    quoted = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({quoted})"
