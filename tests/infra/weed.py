"""SeaweedFS's command line, as the binary of the locked package tells it."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

WEED = Path(sys.executable).with_name("weed")


@cache
def weed_flags(command: str) -> frozenset[str]:
    """Return the options that `weed COMMAND` has."""
    done = subprocess.run(
        [str(WEED), command, "-h"], capture_output=True, text=True, timeout=30, check=False
    )
    found = re.findall(r"^ +-([\w.]+)", done.stdout + done.stderr, re.MULTILINE)
    assert found, f"weed {command} -h said nothing"
    return frozenset(found)
