"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

LakeArgument = Annotated[
    str, typer.Argument(metavar="LAKE", help="The lake: a folder, or s3://bucket/prefix.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
PackArgument = Annotated[str, typer.Argument(metavar="[PACK]", help="Name of the pack.")]
