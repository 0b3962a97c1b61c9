"""Arguments and options that several commands share."""

from __future__ import annotations

from datetime import datetime
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

PackOption = Annotated[str, typer.Option(help="Model pack; `fsp packs list` shows what there is.")]
ReplaceOption = Annotated[
    str,
    typer.Option(
        metavar="[synthetic|cover]",
        help="A synthetic face, or an irreversible mosaic over every face.",
    ),
]
PrivacyOption = Annotated[
    str,
    typer.Option(
        metavar="[standard|strong]",
        help="Strong moves further from the original face, and may look less natural.",
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=10,
        help="Other faces tried for a person whom the audit does not pass, before the cover.",
    ),
]
AudioOption = Annotated[
    str, typer.Option(metavar="[keep|drop]", help="Copy the sound, or publish silent videos.")
]

WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Workers; without it as many as there is room for.")
]
CpusOption = Annotated[
    float, typer.Option("--cpus-per-worker", min=0, help="CPUs of each worker; may be a fraction.")
]
GpusOption = Annotated[
    float, typer.Option("--gpus-per-worker", min=0, help="GPUs of each worker; may be a fraction.")
]
LayoutOption = Annotated[
    str,
    typer.Option(
        metavar="[auto|shards|frames]",
        help="Workers decode by themselves (shards), or take frames that other nodes' CPUs decode"
        " (frames). The published videos are the same.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(help="Ray cluster to join; without it a local Ray, for this run only."),
]

LimitOption = Annotated[
    int | None, typer.Option(min=0, help="Do at most so many videos that are not done yet.")
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Only videos whose path in SOURCE matches; * also crosses /. May be repeated.",
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Not the videos that match, nor those in a folder that does. May be repeated.",
    ),
]
SinceOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        help="Only videos whose file was modified then or later (UTC).",
    ),
]
RetryFailedOption = Annotated[
    bool,
    typer.Option("--retry-failed", help="Do those again, too, that failed or were quarantined."),
]
WaitOption = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0, help="Wait so long for another run on the lake to end; then 75."
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="List what would be done; write nothing.")
]
