"""A folder on a disk that is full, then larger: run in a mount namespace of its own.

Usage: full_disk.py FOLDER SMALL LARGE COMMAND…: prints what the command said on either disk, and
leaves a copy of the folder beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main(folder: str, small: str, large: str, *command: str) -> None:
    Path(folder).mkdir()
    _mount("-t", "tmpfs", "-o", f"size={small}", "tmpfs", folder)
    first = _run(command)
    _mount("-o", f"remount,size={large}", folder)
    second = _run(command)
    subprocess.run(["cp", "-r", folder, f"{folder}.copy"], check=True)
    sys.stdout.write(json.dumps([first, second]))


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _run(command: tuple[str, ...]) -> dict[str, object]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


if __name__ == "__main__":
    main(*sys.argv[1:])
