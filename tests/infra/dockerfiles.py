"""A Dockerfile as a list of instructions, read strictly: what it does not know, it refuses."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KNOWN: Final = frozenset(
    {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "USER", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Attributes:
        stage: how many FROM came before it.
        name, value: as written, with continued lines joined.
        flags: `--from=builder` and the like.
    """

    stage: int
    name: str
    value: str
    flags: tuple[tuple[str, str], ...] = ()

    def flag(self, name: str) -> str | None:
        """Return a flag's value, None where it is not given."""
        return dict(self.flags).get(name)

    @property
    def words(self) -> list[str]:
        """The value's words."""
        return shlex.split(self.value)

    @property
    def exec_form(self) -> list[str]:
        """The words of `["a", "b"]`; an error for a shell's line."""
        words = json.loads(self.value)
        assert all(isinstance(word, str) for word in words)
        return words


def read_dockerfile(path: Path) -> list[Instruction]:
    """Parse a Dockerfile."""
    lines = [
        line
        for line in path.read_text("utf-8").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stage, found = 0, list[Instruction]()
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        assert name in KNOWN, f"{path.name}: {name} is no instruction that this knows"
        stage += name == "FROM"
        flags = re.match(r"(?:--[a-z]+=\S+\s+)*", rest)
        assert flags is not None
        pairs = tuple(
            (key, value)
            for key, _, value in (
                flag.removeprefix("--").partition("=") for flag in flags[0].split()
            )
        )
        found.append(Instruction(stage, name, rest[flags.end() :].strip(), pairs))
    return found
