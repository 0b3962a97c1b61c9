"""Prints rows of a query as a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from itertools import count
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from fsp_ray.cli.console import as_json_value, out

Row = Mapping[str, object]

# Rich lays out three thousand rows a second, and whoever prints more has no use for folded lines.
_LAID_OUT = 2000


class RowFormat(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def print_answer(answer: Any, fmt: RowFormat) -> None:
    """Print a pyarrow Table, as a lake answers."""
    columns = named_apart(answer.column_names)
    print_rows(columns, answer.rename_columns(columns).to_pylist(), fmt)


def named_apart(names: Sequence[str]) -> list[str]:
    """Return the names with `_2`, `_3` … where one comes again, as joined tables' may."""
    apart: list[str] = []
    for name in names:
        tries = (f"{name}_{number}" for number in count(2))
        free = (other for other in tries if other not in apart and other not in names)
        apart.append(next(free) if name in apart else name)
    return apart


def print_rows(columns: Sequence[str], rows: Sequence[Row], fmt: RowFormat) -> None:
    """Print rows on stdout; a missing value is an empty field, in JSON null."""
    if fmt is RowFormat.JSON:
        _print_json(rows)
    elif fmt is RowFormat.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row[name]) for name in columns] for row in rows)
    elif len(rows) > _LAID_OUT:
        sys.stdout.writelines(f"{line}\n" for line in _lines(columns, rows))
    else:
        out().print(_table(columns, rows))


def _print_json(rows: Sequence[Row]) -> None:
    # A row a line: a document for machines that people can still read and cut with line tools.
    lines = (json.dumps(dict(row), ensure_ascii=False, default=as_json_value) for row in rows)
    sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n" if rows else "[]\n")


def _table(columns: Sequence[str], rows: Sequence[Row]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        numbers = all(_is_number(row[name]) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[name], for_people=True)) for name in columns))
    return table


def _lines(columns: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the same table, as wide as it is."""
    cells = [[_one_line(_cell(row[name], for_people=True)) for name in columns] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    right = [all(_is_number(row[name]) for row in rows) for name in columns]

    def line(values: Sequence[str]) -> str:
        fields = map(_padded, values, widths, right)
        return "   ".join(fields).rstrip()

    yield line(columns)
    yield "─" * (sum(widths) + 3 * (len(widths) - 1))
    yield from map(line, cells)


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - cell_len(text))
    return gap + text if right else text + gap


def _one_line(text: str) -> str:
    """Return a text with what would break a line, or talk to the terminal, spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _is_number(value: object) -> bool:
    return value is None or (
        isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    )


def _cell(value: object, *, for_people: bool = False) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if for_people else repr(value)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=as_json_value)
    return str(as_json_value(value))
