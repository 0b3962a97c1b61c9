"""How tests share the machine: two processes, a file to each, but one Ray at a time.

But for faults: their runs spend half of their time waiting, and their time-outs allow for two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

# How long one example takes says how busy the machine is; a test that hangs has its time-out.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

_STARTS_RAY = "pytest.mark.ray"
_FAULTS = "tests/faults/"


class _OneRay(LoadFileScheduling):
    """Keeps a file's tests together, for their fixtures; and all that start Ray, as one file.

    A local Ray takes all cores: two at once would wait for one another, and run into time-outs.
    """

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file.startswith(_FAULTS):
            return file
        text = (Path(self.config.rootpath) / file).read_text(encoding="utf-8")
        return "ray" if _STARTS_RAY in text else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _OneRay:
    """Split the tests our way, whatever `--dist` says."""
    return _OneRay(config, log)
