"""The options of a run: the same for every command that starts one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

from fsp_ray.cli.options import JsonOption
from fsp_ray.core.config import RunSettings

if TYPE_CHECKING:  # takes a second
    from fsp_ray.lake import Selection

WAIT_S: Final = 600.0
"""How long a run waits for another one on the lake, if it is not told."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the options say. Words are checked by the settings that they become."""

    pack: Annotated[str, typer.Option(help="Model pack; `fsp packs list` shows what there is.")] = (
        "open"
    )
    replace: Annotated[
        str,
        typer.Option(
            metavar="[synthetic|cover]",
            help="A synthetic face, or an irreversible mosaic over every face.",
        ),
    ] = "synthetic"
    privacy: Annotated[
        str,
        typer.Option(
            metavar="[standard|strong]",
            help="Strong moves further from the original face, and may look less natural.",
        ),
    ] = "standard"
    audit_retries: Annotated[
        int,
        typer.Option(
            min=0,
            max=10,
            help="Other faces tried for a person whom the audit does not pass, before the cover.",
        ),
    ] = 3
    audio: Annotated[
        str, typer.Option(metavar="[keep|drop]", help="Copy the sound, or publish silent videos.")
    ] = "keep"
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers; without it as many as there is room for.")
    ] = None
    cpus_per_worker: Annotated[
        float, typer.Option(min=0, help="CPUs of each worker; may be a fraction.")
    ] = 1
    gpus_per_worker: Annotated[
        float, typer.Option(min=0, help="GPUs of each worker; may be a fraction.")
    ] = 0
    layout: Annotated[
        str,
        typer.Option(
            metavar="[auto|shards|frames]",
            help="Workers decode by themselves (shards), or take frames that other nodes' CPUs"
            " decode (frames). The published videos are the same.",
        ),
    ] = "auto"
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster to join; without it a local Ray, for this run only."),
    ] = None
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Only videos whose path in SOURCE matches; * also crosses /. May be repeated.",
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Not the videos that match, nor those in a folder that does. May be repeated.",
        ),
    ] = None
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            help="Only videos whose file was modified then or later (UTC).",
        ),
    ] = None
    limit: Annotated[
        int | None, typer.Option(min=0, help="Do at most so many videos that are not done yet.")
    ] = None
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed", help="Do those again, too, that failed or were quarantined."
        ),
    ] = False
    wait: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Wait so long for another run on the lake to end; then 75.",
        ),
    ] = WAIT_S
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be done; write nothing.")
    ] = False
    as_json: JsonOption = False

    @property
    def settings(self) -> RunSettings:
        """What changes the published videos.

        Raises:
            SettingsError: a word that is none of an option's.
        """
        return RunSettings(
            pack=self.pack,
            replace=self.replace,  # pyright: ignore[reportArgumentType] - a word or an error
            privacy=self.privacy,  # pyright: ignore[reportArgumentType] - a word or an error
            audit_retries=self.audit_retries,
            audio=self.audio,  # pyright: ignore[reportArgumentType] - a word or an error
        )

    @property
    def selection(self) -> Selection:
        """Which videos are meant."""
        from fsp_ray.lake import Selection  # noqa: PLC0415 - takes a second

        since = None if self.since is None else self.since.replace(tzinfo=UTC)
        return Selection(tuple(self.include or ()), tuple(self.exclude or ()), since)


def with_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of a run; it gets them as `options`."""
    own = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    known = get_type_hints(RunOptions, include_extras=True)
    parameters = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in own.parameters.items()
        if name != "options"
    ]
    for option in fields(RunOptions):
        assert option.default is not MISSING
        kind = inspect.Parameter.KEYWORD_ONLY
        hint = known[option.name]
        parameters.append(
            inspect.Parameter(option.name, kind, default=option.default, annotation=hint)
        )

    @wraps(command)
    def flat(**given: Any) -> None:
        options = RunOptions(**{field.name: given.pop(field.name) for field in fields(RunOptions)})
        command(**given, options=options)

    flat.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat
