"""fsp bench: speed and memory beside deface and the floor, all measured in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fsp_ray.cli.console import note, out, print_json
from fsp_ray.cli.options import JsonOption


def bench(
    clips: Annotated[
        list[Path],
        typer.Argument(exists=True, metavar="CLIP…", help="Videos, or folders, to measure on."),
    ],
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; medians are shown.")] = 3,
    only: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Contenders: some of fsp_ray,deface,floor, and, for what nodes and layouts take,"
            " with covers, one-node,two-nodes,shards,frames.",
        ),
    ] = "fsp_ray,deface,floor",
    as_json: JsonOption = False,
) -> None:
    """Measure this project, deface (which only blurs) and the floor on the same clips, in turn.

    The floor decodes twice, encodes once and does nothing else. Start-up is what a clip of one
    frame takes; frames a second leave it out. Tables are printed as Markdown.

    Example: **fsp bench film.mp4 stream.mp4 --rounds 3**

    Example: **fsp bench archive/ --only one-node,two-nodes**
    """
    from fsp_ray.report.bench import bench as run_bench  # noqa: PLC0415 - imports the video room
    from fsp_ray.report.bench_table import as_json as table_json  # noqa: PLC0415 - with it
    from fsp_ray.report.bench_table import as_markdown  # noqa: PLC0415 - with it

    contenders = [name.strip() for name in only.split(",") if name.strip()]
    measured = run_bench(clips, rounds=rounds, contenders=contenders, tell=note)
    if as_json:
        print_json(table_json(measured))
    else:
        out().print(as_markdown(measured), soft_wrap=True, end="")
