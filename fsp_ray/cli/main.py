"""The entry point: puts the commands together and turns errors into exit codes.

Commands import what they need when they run: `fsp --help` must not wait for Ray or for models.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.main import get_command

from fsp_ray import __version__
from fsp_ray.cli import (
    anonymize,
    bench,
    demo,
    demographics,
    doctor,
    evaluate,
    look,
    maintain,
    query,
    refresh,
)
from fsp_ray.cli.console import complain
from fsp_ray.cli.exits import ExitCode, explain, explain_unexpected
from fsp_ray.cli.faces import faces_app
from fsp_ray.cli.packs import packs_app
from fsp_ray.core.errors import FspError

app = typer.Typer(
    name="fsp",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(slots=True)
class Session:
    """What the whole command line shares."""

    debug: bool = False


def _print_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"fsp {__version__}\n")
        raise typer.Exit


@app.callback()
def fsp(
    ctx: typer.Context,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="FSP_DEBUG", help="Show tracebacks of errors.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Anonymise video archives: every face becomes a synthetic one of the same age and gender.

    Try it with no video of your own: **fsp demo**. Then: **fsp anonymize FOLDER LAKE**.

    Exit codes: 0 done; 1 the run failed; 2 wrong usage; 3 finished, but some videos could not
    be published; 75 another run is at work on the lake; 130 interrupted.
    """
    session: Session = ctx.obj
    session.debug = debug


app.command(name="demo")(demo.demo)
app.command(name="anonymize")(anonymize.anonymize)
app.command(name="refresh")(refresh.refresh)
app.command(name="query")(query.query)
app.command(name="demographics")(demographics.demographics)
app.command(name="maintain")(maintain.maintain)
app.add_typer(packs_app, name="packs")
app.add_typer(faces_app, name="faces")
app.command(name="look", hidden=True)(look.look)
app.command(name="doctor")(doctor.doctor)
app.command(name="bench")(bench.bench)
app.command(name="evaluate")(evaluate.evaluate)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code."""
    session = Session()
    command: Any = get_command(app)
    try:
        code = command.main(list(arguments), prog_name="fsp", standalone_mode=False, obj=session)
    except FspError as error:
        return explain(error, debug=session.debug)
    except typer.TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except Exception as error:  # noqa: BLE001 - the one place where the unforeseen ends
        return explain_unexpected(error, debug=session.debug)
    if code == ExitCode.INTERRUPTED:
        return _interrupted()
    return code if isinstance(code, int) else ExitCode.DONE


def _usage(error: typer.TyperException) -> int:
    if type(error).__name__ != "NoArgsIsHelpError":  # that one has printed the help already
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "fsp"
        complain("error", error.format_message(), f"`{path} --help` says how to use it.")
    return ExitCode.USAGE


def _interrupted() -> int:
    complain("interrupted", "what was published stays; run the same command again to go on.")
    return ExitCode.INTERRUPTED


def main() -> None:
    """Be `fsp`."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
