"""Brings the tables of an older version up to this one: adds the columns that they lack.

Nothing has to be migrated for a lake to be read or written: what is not there reads as null, and
a write adds it. Columns are never removed or changed, and a column that is added later than its
table is nullable: so a lake can be used by versions before and after, side by side.
"""

from __future__ import annotations

from deltalake import DeltaTable, Schema

from fsp_ray.core.errors import LakeError
from fsp_ray.lake import delta
from fsp_ray.lake.errors import lake_errors
from fsp_ray.lake.schema import Table
from fsp_ray.lake.storage import Storage
from fsp_ray.lake.tables import TABLES


def migrate(storage: Storage) -> tuple[str, ...]:
    """Add missing tables and columns; return the columns, as `table.column`.

    Raises:
        LakeError: a column is of another type, or a table can't be written.
    """
    delta.create_tables(storage)
    added: list[str] = []
    for table in TABLES.values():
        with lake_errors(f"migrate the table {table.name}"):
            names = delta.retried(lambda table=table: _add_columns(storage, table))
        added += [f"{table.name}.{name}" for name in names]
    return tuple(added)


def _add_columns(storage: Storage, table: Table) -> list[str]:
    opened = delta.open_table(storage, table.name)
    there = {field.name: field.type for field in opened.schema().fields}
    wanted = Schema.from_arrow(table.schema).fields
    for field in wanted:
        if there.get(field.name, field.type) != field.type:
            raise LakeError(
                f"The column {field.name} of the table {table.name} is"
                f" {there[field.name]}, and should be {field.type}.",
                advice="Another program wrote it: restore the lake's tables/ from a backup.",
            )
    missing = [field for field in wanted if field.name not in there]
    if missing:
        _add(opened, table, [field.name for field in missing])
    return [field.name for field in missing]


def _add(opened: DeltaTable, table: Table, names: list[str]) -> None:
    # Rows that are there have no value, so that it must be nullable whatever the schema says.
    schema = Schema.from_arrow(table.schema)
    nullable = [
        type(field)(field.name, field.type, nullable=True, metadata=field.metadata)
        for field in schema.fields
        if field.name in names
    ]
    opened.alter.add_columns(nullable)
