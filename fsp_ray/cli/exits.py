"""Exit codes, and which error ends in which."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from fsp_ray.cli.console import complain, err
from fsp_ray.core.errors import BusyError, FspError, SettingsError


class ExitCode(IntEnum):
    """What a command's exit code says; the same for all commands."""

    DONE = 0  # for a run: every video is published, or was so already
    FAILED = 1  # the run itself failed
    USAGE = 2  # wrong usage
    INCOMPLETE = 3  # the run finished, with some videos quarantined or failed
    BUSY = 75  # another run is at work on the lake; nothing was done (EX_TEMPFAIL of sysexits.h)
    INTERRUPTED = 130  # Ctrl-C: 128 + SIGINT, as shells say it


_CODES: Final[Mapping[type[FspError], ExitCode]] = {
    SettingsError: ExitCode.USAGE,
    BusyError: ExitCode.BUSY,
}


def explain(error: FspError, *, debug: bool) -> ExitCode:
    """Say an error of ours on stderr, with what to do; return the exit code."""
    if debug:
        _print_traceback(error)
    complain("error", error.message, error.advice)
    return _CODES.get(type(error), ExitCode.FAILED)


def explain_unexpected(error: Exception, *, debug: bool) -> ExitCode:
    """Say an error that nobody foresaw: its traceback with --debug, else one line."""
    if debug:
        _print_traceback(error)
    first_line = str(error).strip().split("\n", 1)[0]
    message = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    advice = "" if debug else "This is a fault of fsp. `fsp --debug …` shows where it happened."
    complain("unexpected error", message, advice)
    return ExitCode.FAILED


def _print_traceback(error: Exception) -> None:
    err().print("".join(traceback.format_exception(error)), end="", soft_wrap=True)
