"""SQL over a lake, through DuckDB, locked to the five tables: no file, no network, no writing."""

from __future__ import annotations

import re
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
# Of a local file, with nothing in it that DuckDB takes for a pattern.
_PLAIN_PATH: Final = re.compile(r"/[A-Za-z0-9_/.-]+")
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
    with tables(storage, by_files=False) as connection:
        for lock in _LOCKS:
            connection.execute(lock)
        try:
            _check_reading(connection, sql)
            with lake_errors("read the lake's tables"):
                return connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise LakeError(_sentence(error), advice=_tables_advice()) from error


def ask(storage: Storage, sql: str) -> Any:
    """Return the answer to a question of our own as a pyarrow Table: `query` without the locks.

    Raises:
        LakeError: a table can't be read.
    """
    with tables(storage) as connection, lake_errors("read the lake's tables"):
        return connection.sql(sql).to_arrow_table()


@contextmanager
def tables(storage: Storage, *, by_files: bool = True) -> Generator[duckdb.DuckDBPyConnection]:
    """Give a connection in which the tables are views, and `_<table>` are all of their rows.

    Args:
        by_files: DuckDB may read the tables' files itself, where it can: that is quicker, but
            not for somebody else's SQL, for it needs access to files.

    Raises:
        LakeError: a table can't be read.
    """
    with duckdb.connect(":memory:") as connection:
        try:
            for name, table in _snapshot(storage).items():
                with lake_errors(f"read the table {name}"):
                    columns = [field.name for field in table.schema().fields]
                    if not (by_files and _has_files(connection, name, table, columns)):
                        connection.register(f"_{name}", table.to_pyarrow_dataset())
                connection.execute(_view(name, columns))
            yield connection
        except duckdb.Error as error:
            raise LakeError(
                f"Can't read the lake's tables: {_sentence(error)}",
                advice="Ask again; if that does not help, restore the lake's tables/ folder from a"
                " backup.",
            ) from error


def _has_files(
    connection: duckdb.DuckDBPyConnection, name: str, table: DeltaTable, columns: Sequence[str]
) -> bool:
    """Make `_<name>` of a table's files, if they are local, and hold just what the table does."""
    # A higher reader version has rows deleted, or columns named, elsewhere than in the files.
    if table.protocol().min_reader_version > 1:
        return False
    files = table.file_uris()
    if not files:
        connection.execute(f"CREATE VIEW _{name} AS SELECT {_nulls(name, columns)} WHERE false")
        return True
    if not all(_PLAIN_PATH.fullmatch(file) for file in files):
        return False
    rows = connection.read_parquet(files, union_by_name=True)
    if set(rows.columns) != set(columns):  # no file has a column that was added
        return False
    rows.create_view(f"_{name}")
    return True


def _nulls(name: str, columns: Sequence[str]) -> str:
    types = {column.name: _SQL_TYPES[column.kind] for column in TABLES[name].columns}
    return ", ".join(
        f"NULL::{types.get(column, 'VARCHAR')} AS {_quoted(column)}" for column in columns
    )


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


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
    known = [column.name for column in TABLES[name].columns if column.name != _MARK]
    shown = [_quoted(column) if column in columns else _nulls(name, [column]) for column in known]
    shown += [_quoted(column) for column in columns if column not in (*known, _MARK)]
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
