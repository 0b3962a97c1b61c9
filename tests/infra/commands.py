"""Commands that infra/ and docs/deploy/ name, checked by the command lines they are for.

`fsp …` and `ray …` are handed to the real parsers: an option that does not exist, a missing
argument and a wrong type are all seen; nothing is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from fsp_ray.cli.main import app

ROOT: Final = Path(__file__).parents[2]
_ASSIGNMENT: Final = re.compile(r"^[A-Z_]+=")
_JOBS: Final = ("jobs/", "/opt/fsp/jobs/")
# Words of a shell that stand between commands, or before one.
_BETWEEN: Final = re.compile(r"&&|\|\||[;|\n()]")


class WrongCommandError(AssertionError):
    """A command that would not even be understood."""


def shell_commands(text: str) -> Iterator[list[str]]:
    """Split a shell's text into simple commands, without assignments and redirections before."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    words: list[str] = []
    for token in [*lexer, ";"]:
        if _BETWEEN.fullmatch(token) or set(token) <= set("&|;\n()"):
            yield from _simple(words)
            words = []
        else:
            words.append(token)


def _simple(words: Sequence[str]) -> Iterator[list[str]]:
    rest = list(words)
    while rest and (_ASSIGNMENT.match(rest[0]) or rest[0] == "export"):
        del rest[0]
    for sign in (">", ">>", "<", "2>"):
        if sign in rest:
            del rest[rest.index(sign) :]
    if rest:
        yield rest


def check_line(text: str) -> None:
    """Check all commands of a shell's line, as `check_command` does."""
    for words in shell_commands(text):
        check_command(words)


def check_command(words: Sequence[str]) -> None:
    """Check one command, by whoever would read it.

    Raises:
        WrongCommandError: its parser refuses it, or it names a script that is not there.
    """
    name, arguments = Path(words[0]).name, list(words[1:])
    if name == "fsp":
        _parse(get_command(app), "fsp", arguments)
    elif name == "ray":
        entrypoint = _parse(_ray(), "ray", arguments).get("entrypoint")
        if entrypoint:
            check_command(entrypoint)
    elif name == "pip":
        _check_pip(arguments)
    elif name.startswith("python") and arguments and arguments[0].startswith(_JOBS):
        check_job(arguments)


def check_job(words: Sequence[str]) -> None:
    """Check `jobs/NAME.py ARGUMENTS…`: the script is there, and its command takes them."""
    script = ROOT / "jobs" / Path(words[0]).name
    if not script.is_file():
        raise WrongCommandError(f"there is no {words[0]}")
    _parse(get_command(app), "fsp", [script.stem, *words[1:]])


def _check_pip(arguments: Sequence[str]) -> None:
    from pip._internal.commands import create_command

    try:
        create_command(arguments[0]).parse_args(list(arguments[1:]))
    except (SystemExit, KeyError) as error:
        raise WrongCommandError(f"`pip {shlex.join(arguments)}` is not understood") from error


def _parse(command: Any, name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of the innermost command; what Click's parsers refuse is wrong."""
    said = f"{name} {shlex.join(arguments)}"
    context, rest = None, list(arguments)
    while True:
        try:
            context = command.make_context(name, rest, parent=context)
            if not hasattr(command, "commands"):
                return dict(context.params)
            rest = [*context._protected_args, *context.args]  # where a group keeps the rest
            name, command, rest = command.resolve_command(context, rest)
        except Exception as error:
            if type(error).__name__ == "Exit" or "does not exist" in str(error):
                return {}  # --help, --version; a path that is the reader's
            message = getattr(error, "message", None) or str(error) or type(error).__name__
            raise WrongCommandError(f"`{said}`: {message}") from error


@cache
def _ray() -> Any:
    from ray.scripts.scripts import cli

    return cli
