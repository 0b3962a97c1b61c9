"""SQL over a lake, through DuckDB, locked to the five tables: no file, no network, no writing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import duckdb
from deltalake import DeltaTable

from fsp_ray.core.errors import LakeError
from fsp_ray.lake.delta import open_table
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.schema import Kind
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import DETAIL_TABLES, TABLES, VIDEOS

_LOCKS: Final = (
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_SNAPSHOT_ATTEMPTS: Final = 20
_MARK: Final = "commit_id"
_SQL_TYPES: Final[dict[Kind, str]] = {
    "string": "VARCHAR",
    "json": "VARCHAR",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


def query(storage: Storage, sql: str) -> Any:
    """Return the answer to one SELECT as a pyarrow Table.

    Raises:
        LakeError: not one reading statement, an error in it, or a table can't be read.
    """
    with tables(storage) as connection:
        for lock in _LOCKS:
            connection.execute(lock)
        try:
            _check_reading(connection, sql)
            with lake_errors("read the lake's tables"):
                return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise LakeError(_sentence(error), advice=_tables_advice()) from error


@contextmanager
def tables(storage: Storage) -> Generator[duckdb.DuckDBPyConnection]:
    """Give a connection in which the tables are views, and `_<table>` are all of their rows.

    Raises:
        LakeError: a table can't be read.
    """
    with duckdb.connect(":memory:") as connection:
        for name, table in _snapshot(storage).items():
            with lake_errors(f"read the table {name}"):
                rows = table.to_pyarrow_dataset()
                connection.register(f"_{name}", rows)
            connection.execute(_view(name, rows.schema.names))
        yield connection


def _snapshot(storage: Storage) -> dict[str, DeltaTable]:
    """Open all tables as of one moment: no commit of videos in between.

    A commit deletes the rows that it replaced after it replaced the videos' rows, so tables
    opened across that moment would miss rows.
    """
    for _ in range(_SNAPSHOT_ATTEMPTS):
        opened = {name: open_table(storage, name) for name in TABLES}
        if open_table(storage, VIDEOS.name).version() == opened[VIDEOS.name].version():
            return opened
    raise LakeError("The lake is being written to all the time.", advice="Ask again.")


def _view(name: str, columns: Sequence[str]) -> str:
    """Return the view that a reader sees: whole commits, without their marks.

    Its columns are those of this version, NULL where the table was made before them, then those
    that only a newer version knows.
    """
    known = TABLES[name].columns
    names = {column.name for column in known}
    shown = [
        f'"{column.name}"'
        if column.name in columns
        else f'NULL::{_SQL_TYPES[column.kind]} AS "{column.name}"'
        for column in known
        if column.name != _MARK
    ]
    shown += ['"' + other.replace('"', '""') + '"' for other in columns if other not in names]
    of_whole_commits = (
        f"SEMI JOIN _{VIDEOS.name} USING (video_id, {_MARK})"
        if name in {table.name for table in DETAIL_TABLES}
        else ""
    )
    return f"CREATE VIEW {name} AS FROM _{name} {of_whole_commits} SELECT {', '.join(shown)}"


def _check_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    kinds = [statement.type for statement in connection.extract_statements(sql)]
    if kinds != [duckdb.StatementType.SELECT]:
        what = "nothing" if not kinds else " and ".join(kind.name for kind in kinds)
        raise LakeError(
            f"A query is one SELECT, not {what}.",
            advice="Tables can't be changed by a query; ask one question at a time.",
        )


def _sentence(error: duckdb.Error) -> str:
    """Return DuckDB's sentence without the drawing of where it is."""
    return " ".join(str(error).partition("\nLINE ")[0].split())


def _tables_advice() -> str:
    tables = "; ".join(
        f"{name}({', '.join(c for c in table.column_names if c != _MARK)})"
        for name, table in TABLES.items()
    )
    return f"The tables are {tables}."
