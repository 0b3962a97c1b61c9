"""What a pack consists of: manifests are small TOML files beside this module."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from fsp_ray.core.errors import PackError

ROLES: Final = (
    "detector",
    "recall_detector",
    "landmarker",
    "matcher",
    "auditor",
    "attributes",
)
_SHA256_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model file of a pack.

    Attributes:
        name: short name, unique in the pack.
        roles: what it is used for, words of `core.protocols.Models`.
        engine: what runs it.
        wheel, wheel_version: the installed distribution that the file comes in.
        file: its path inside the distribution, posix.
        sha256: hash of that file, hex.
        licence, source: as declared by its authors.
        converter: what turns it into the ONNX file that runs; see `models.convert`.
        input: what the net expects to be fed.
    """

    name: str
    roles: tuple[str, ...]
    engine: str
    wheel: str
    wheel_version: str
    file: str
    sha256: str
    licence: str
    source: str
    converter: str
    input: str

    def __post_init__(self) -> None:
        unknown = set(self.roles) - set(ROLES)
        if unknown or not self.roles:
            raise ValueError(f"model {self.name}: roles must be some of {ROLES}")
        if len(self.sha256) != _SHA256_DIGITS:
            raise ValueError(f"model {self.name}: sha256 must have {_SHA256_DIGITS} hex digits")


@dataclass(frozen=True, slots=True)
class Pack:
    """A named set of models, at least one for each role."""

    name: str
    summary: str
    licence: str
    models: tuple[ModelEntry, ...]

    def __post_init__(self) -> None:
        names = [entry.name for entry in self.models]
        if len(set(names)) != len(names):
            raise ValueError(f"pack {self.name} names a model twice")
        missing = set(ROLES) - {role for entry in self.models for role in entry.roles}
        if missing:
            raise ValueError(f"pack {self.name} has nothing for {', '.join(sorted(missing))}")

    def model(self, name: str) -> ModelEntry:
        """Return the model of that name.

        Raises:
            KeyError: the pack has no such model.
        """
        for entry in self.models:
            if entry.name == name:
                return entry
        raise KeyError(name)


def list_packs() -> tuple[Pack, ...]:
    """Return all packs that this version knows, by name."""
    return tuple(_parse(path) for _, path in sorted(_manifests().items()))


def show_pack(name: str) -> Pack:
    """Return one pack.

    Raises:
        PackError: there is none of that name.
    """
    manifests = _manifests()
    if name not in manifests:
        raise PackError(
            f"There is no model pack {name!r}.", advice=f"Known packs: {', '.join(manifests)}."
        )
    return _parse(manifests[name])


def _manifests() -> dict[str, Traversable]:
    folder = resources.files("fsp_ray.models") / "packs"
    return {
        path.name.removesuffix(".toml"): path
        for path in folder.iterdir()
        if path.name.endswith(".toml")
    }


def _parse(path: Traversable) -> Pack:
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    models = tuple(_entry(values) for values in table.pop("model"))
    return Pack(**table, models=models)


def _entry(values: dict[str, Any]) -> ModelEntry:
    return ModelEntry(roles=tuple(values.pop("roles")), **values)
