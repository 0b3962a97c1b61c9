"""fsp query: SQL over a lake's tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fsp_ray.cli.console import note, plural
from fsp_ray.cli.options import JsonOption, LakeArgument
from fsp_ray.cli.rows import RowFormat, named_apart, print_answer
from fsp_ray.core.errors import SettingsError


class QueryFormat(StrEnum):
    """What a query's answer can be written as."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def query(
    lake: LakeArgument,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT, in quotes.")],
    fmt: Annotated[
        QueryFormat, typer.Option("--format", "-f", help="parquet needs -o.")
    ] = QueryFormat.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Parquet file to write.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a lake a question in SQL (DuckDB's).

    Tables: videos, persons, tracks, audit, runs. Nothing can be changed by a query.

    Example: **fsp query ./lake "SELECT status, count(\\*) FROM videos GROUP BY status"**
    """
    if as_json:
        fmt = QueryFormat.JSON
    if (fmt is QueryFormat.PARQUET) != (output is not None):
        raise SettingsError("--format parquet and -o FILE go together; use both or neither.")
    from fsp_ray.lake import Lake  # noqa: PLC0415 - takes a second

    answer = Lake.open(lake).query(sql)
    if output is None:
        print_answer(answer, RowFormat(fmt))
        return
    _write_parquet(answer, output)
    note(f"{plural(answer.num_rows, 'row')} written to {output}")


def _write_parquet(answer: Any, path: Path) -> None:
    import pandas as pd  # noqa: PLC0415 - takes a second

    try:  # Arrow's own types keep whole numbers whole where values are missing
        table = answer.rename_columns(named_apart(answer.column_names))
        table.to_pandas(types_mapper=pd.ArrowDtype).to_parquet(path, index=False)
    except OSError as error:
        raise SettingsError(f"Can't write {path}: {error.strerror or error}.") from error
