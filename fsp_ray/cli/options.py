"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="Videos: a folder, one file, or s3://bucket/prefix. Only read."
    ),
]
LakeArgument = Annotated[
    str, typer.Argument(metavar="LAKE", help="The lake: a folder, or s3://bucket/prefix.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
PackArgument = Annotated[str, typer.Argument(metavar="[PACK]", help="Name of the pack.")]
