"""What a table is made of: columns with type, unit, words and meaning; Arrow and JSON of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa

Kind = Literal["string", "json", "int64", "float64", "bool", "date", "timestamp"]

ARROW_TYPES: Final[dict[Kind, Any]] = {
    "string": pa.string(),
    "json": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        kind: what a value is; `timestamp` is UTC in microseconds, `json` an object as text.
        description: what it means, for people.
        unit: of a number, e.g. `s` or `px`; empty for none.
        nullable: False if every row must have a value.
        words: the only values that a string may have; empty for any.
        lowest, highest: inclusive bounds of a number.
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    nullable: bool = False
    words: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None

    def __post_init__(self) -> None:
        if self.words and self.kind != "string":
            raise ValueError(f"{self.name}: only strings have words")
        if (self.lowest, self.highest) != (None, None) and self.kind not in ("int64", "float64"):
            raise ValueError(f"{self.name}: only numbers have bounds")

    @property
    def field(self) -> Any:
        """The pyarrow field, with what people should know as its metadata."""
        metadata = {"description": self.description}
        if self.unit:
            metadata["unit"] = self.unit
        if self.words:
            metadata["words"] = json.dumps(self.words)
        return pa.field(
            self.name, ARROW_TYPES[self.kind], nullable=self.nullable, metadata=metadata
        )

    def as_dict(self) -> dict[str, object]:
        """Return the column as JSON-able values, without what is not said of it."""
        said: dict[str, object] = {
            "name": self.name,
            "type": self.kind,
            "nullable": self.nullable,
            "unit": self.unit,
            "words": list(self.words),
            "lowest": self.lowest,
            "highest": self.highest,
            "description": self.description,
        }
        return {key: value for key, value in said.items() if value not in ("", [], None)}


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake.

    Attributes:
        name: as SQL says it.
        description: what one row is.
        key: columns that no two rows share.
        columns: in their order.
    """

    name: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        names = self.column_names
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name} has a column twice")
        if not set(self.key) <= set(names):
            raise ValueError(f"{self.name}: a key is made of columns")

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in their order."""
        return tuple(column.name for column in self.columns)

    @property
    def schema(self) -> Any:
        """The pyarrow schema."""
        return pa.schema([column.field for column in self.columns])

    def as_dict(self) -> dict[str, object]:
        """Return the table as JSON-able values."""
        return {
            "table": self.name,
            "description": self.description,
            "key": list(self.key),
            "columns": [column.as_dict() for column in self.columns],
        }

    def as_json(self) -> str:
        """Return the text of `schemas/<table>.json`: the same on every machine."""
        return json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"
