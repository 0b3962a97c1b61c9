"""fsp look: strips of a whole lake, for developers. Not in the help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fsp_ray.cli.console import out
from fsp_ray.cli.options import LakeArgument


def look(
    lake: LakeArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the pictures go.")
    ],
    every_s: Annotated[
        float, typer.Option(metavar="SECONDS", help="Time between two frames shown.")
    ] = 1.0,
) -> None:
    """Write a picture of original over published frames for every video in a lake.

    The pictures show the original faces: keep them as safe as the source.

    Example: **fsp look ./lake -o ./pictures**
    """
    from fsp_ray.report import lake_strips  # noqa: PLC0415 - imports cv2

    for picture in lake_strips(lake, output, every_s=every_s):
        out().print(str(picture), soft_wrap=True)
