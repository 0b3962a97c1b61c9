"""Where words go: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich.console import Console
from rich.text import Text

# Piped output must not be folded at the 80 columns that rich assumes where there is no terminal.
_PIPE_COLUMNS = 10_000


def out() -> Console:
    """Return the console of results. Made anew, so that it follows a replaced sys.stdout."""
    return _console(stderr=False)


def err() -> Console:
    """Return the console of progress, notes and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_COLUMNS
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def print_json(value: Mapping[str, object] | Sequence[object]) -> None:
    """Print one JSON document on stdout; dates as ISO 8601, whatever else as text."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=as_json_value) + "\n")


def as_json_value(value: object) -> object:
    """Return what JSON has no type for: decimals (sums in SQL) as numbers, dates as ISO 8601."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    isoformat = getattr(value, "isoformat", None)
    return str(isoformat() if callable(isoformat) else value)


def note(text: str) -> None:
    """Say something on stderr that is not a result."""
    err().print(Text(text))


def complain(kind: str, message: str, advice: str = "") -> None:
    """Say on stderr what went wrong, and on the next line what to do."""
    console = err()
    console.print(Text.assemble((f"{kind}: ", "bold red"), message), soft_wrap=True)
    if advice:
        console.print(Text(advice), soft_wrap=True)


def duration(seconds: float) -> str:
    """Return seconds the way people say them: `4 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def plural(count: int, word: str) -> str:
    """Return `1 video`, `2 videos`, `12,000 videos`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
