"""What `fsp doctor` looks at. Each check returns findings and raises nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from packaging.requirements import Requirement

from fsp_ray import __version__
from fsp_ray.core.errors import FspError

Status = Literal["ok", "warn", "fail"]
GIB: Final = 1 << 30

MIN_PYTHON: Final = (3, 11)
MIN_MEMORY_GIB: Final = 4.0  # Ray, two workers with models, and frames of 1080p
MIN_SHM_GIB: Final = 0.25  # Ray's object store holds rows only
MIN_DISK_GIB: Final = 5.0  # staging holds as much as the videos of one wave

# Import av in a process of its own: only the video room may, and a broken codec library must
# not take the doctor with it.
_CODECS: Final = (
    "import av\n"
    "for kind in ('libx264', 'aac'):\n"
    "    av.codec.Codec(kind, 'w')\n"
    "for kind in ('h264', 'hevc', 'vp9', 'av1', 'mpeg4', 'aac'):\n"
    "    av.codec.Codec(kind, 'r')\n"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        status: ok; warn: it works, but; fail: it does not work.
        check: what was looked at.
        detail: what was found.
        advice: what to do, where there is something to do.
    """

    status: Status
    check: str
    detail: str
    advice: str = ""


Check = Callable[[], Iterator[Finding]]


def check_python() -> Iterator[Finding]:
    """Python's version and ours."""
    version = sys.version.split()[0]
    detail = f"{version}, fsp_ray {__version__}"
    if sys.version_info >= MIN_PYTHON:
        yield Finding("ok", "Python", detail)
    else:
        yield Finding("fail", "Python", detail, "Use Python 3.11 or newer.")


def check_packages() -> Iterator[Finding]:
    """Every package that the project's metadata asks for, in a version that it allows."""
    again = "Install the locked requirements again: `make setup`."
    try:
        wanted = metadata.requires("fsp-ray") or []
    except metadata.PackageNotFoundError:
        yield Finding("fail", "Packages", "fsp-ray itself is not installed", again)
        return
    requirements = [Requirement(text) for text in wanted]
    needed = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong = [text for text in map(_wrong, needed) if text]
    for text in wrong:
        yield Finding("fail", "Packages", text, again)
    if not wrong:
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("ray", "av", "numpy"))
        yield Finding("ok", "Packages", f"all {len(needed)} needed are there ({versions}, …)")


def _wrong(requirement: Requirement) -> str:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name} is {version}, not {requirement.specifier}"


def check_machine() -> Iterator[Finding]:
    """CPUs, memory, shared memory, disk."""
    cpus = len(os.sched_getaffinity(0))
    yield Finding("ok", "CPUs", f"{cpus}; `fsp anonymize` uses all unless --workers says less")
    memory_gib = _available_memory_bytes() / GIB
    yield _enough("Memory", memory_gib, MIN_MEMORY_GIB, "Close programs, or use fewer --workers.")
    shm = Path("/dev/shm")  # noqa: S108 - looked at, not written
    if shm.is_dir():
        yield _enough(
            str(shm),
            shutil.disk_usage(shm).free / GIB,
            MIN_SHM_GIB,
            "Ray falls back to slow disk: give the container more, e.g. --shm-size=2g.",
        )
    scratch = Path(tempfile.gettempdir())
    yield _enough(
        f"Disk at {scratch}",
        shutil.disk_usage(scratch).free / GIB,
        MIN_DISK_GIB,
        "Free some space, or set TMPDIR to a bigger disk.",
    )


def _enough(check: str, have_gib: float, want_gib: float, advice: str) -> Finding:
    detail = f"{have_gib:.1f} GiB free"
    if have_gib >= want_gib:
        return Finding("ok", check, detail)
    return Finding("warn", check, f"{detail}, under {want_gib:g}", advice)


def _available_memory_bytes() -> int:
    """Free memory of the machine, or of the container where that is less."""
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            pages = int(line.split()[1]) * 1024
    limit, used = (
        "".join(_lines(Path("/sys/fs/cgroup") / name)) for name in ("memory.max", "memory.current")
    )
    return min(pages, int(limit) - int(used)) if limit.isdigit() and used.isdigit() else pages


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def check_codecs() -> Iterator[Finding]:
    """FFmpeg inside PyAV: x264 and AAC to write, the usual codecs to read."""
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own text
        [sys.executable, "-c", _CODECS], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 0:
        yield Finding("ok", "Codecs", "H.264 and AAC to write; H.264, HEVC, VP9, AV1 to read")
        return
    why = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    yield Finding("fail", "Codecs", why[0], "Install PyAV's own wheel: `make setup`.")


def check_cache() -> Iterator[Finding]:
    """May the model cache be written?"""
    from fsp_ray.models.install import cache_root  # noqa: PLC0415 - imports an inference engine

    try:
        root = cache_root()
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except FspError as error:
        yield Finding("fail", "Cache", error.message, error.advice)
    except OSError as error:
        advice = "Set FSP_RAY_CACHE to a folder that can be written."
        yield Finding("fail", "Cache", f"{error.filename}: {error.strerror}", advice)
    else:
        yield Finding("ok", "Cache", f"{root} can be written")


def check_packs() -> Iterator[Finding]:
    """Are the packs whole and installed?"""
    from fsp_ray import models  # noqa: PLC0415 - imports an inference engine

    for pack in models.list_packs():
        check = f"Pack {pack.name}"
        try:
            count = len(models.verify_pack(pack.name))
        except FspError as error:
            yield Finding("warn", check, error.message, error.advice)
        else:
            yield Finding("ok", check, f"{count} models, all hashes right")


def check_ray() -> Iterator[Finding]:
    """Does a local Ray start?"""
    from fsp_ray.raydata.cluster import cluster  # noqa: PLC0415 - Ray takes seconds

    try:
        with cluster(None) as share:
            yield Finding("ok", "Ray", f"a local one starts, for {share.workers} workers")
    except FspError as error:
        yield Finding("fail", "Ray", error.message, error.advice)


CHECKS: Final[tuple[Check, ...]] = (
    check_python,
    check_packages,
    check_machine,
    check_codecs,
    check_cache,
    check_packs,
    check_ray,
)
