"""What a script under `jobs/` does: one command of `fsp`, run as a Ray job.

`ray job submit` runs the script on the cluster. There it must join the Ray that runs it; a local
one, beside it on the head, would take the cores that the cluster counts as its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from typer.main import get_command

from fsp_ray.cli.console import note
from fsp_ray.cli.exits import ExitCode
from fsp_ray.cli.main import app, run

# What Ray's job supervisor gives to the script that it starts, and to no process else.
_RAY_JOB: Final = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_RAY_ADDRESS: Final = "RAY_ADDRESS"

MEANINGS: Final[Mapping[int, str]] = {
    ExitCode.FAILED: "it failed; what was committed stays",
    ExitCode.USAGE: "wrong usage; nothing was done",
    ExitCode.INCOMPLETE: "finished, with the problems listed above",
    ExitCode.BUSY: "another run holds the lake; nothing was done",
    ExitCode.INTERRUPTED: "interrupted; what was published stays",
}


def run_job(command: str, arguments: Sequence[str]) -> int:
    """Run one command as a job; return its exit code.

    Ray calls every code but 0 FAILED, and shows the end of the log with it: so the log's last
    line says what the code means.
    """
    code = run([command, *job_arguments(command, arguments, os.environ)])
    if code != ExitCode.DONE:
        note(f"Exit code {code}: {MEANINGS.get(code, 'see above')}.")
    return code


def job_arguments(
    command: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> list[str]:
    """Return the arguments, and inside of a Ray job `--address auto` where none is given."""
    given = list(arguments)
    as_ray_job = _RAY_JOB in environment and _RAY_ADDRESS in environment
    says_where = any(word == "--address" or word.startswith("--address=") for word in given)
    if as_ray_job and not says_where and _takes_address(command):
        given += ["--address", "auto"]
    return given


def _takes_address(command: str) -> bool:
    group: Any = get_command(app)
    parameters = group.commands[command].params if command in group.commands else ()
    return any("--address" in parameter.opts for parameter in parameters)
