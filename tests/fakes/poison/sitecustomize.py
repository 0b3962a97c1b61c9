"""With this folder on PYTHONPATH, some files do to a decoder's native code what their names say.

`segv`: it reads where nothing is; `hang`: it waits for ever; `gil`: and keeps the GIL meanwhile;
`killed`: it takes so much memory that its process is killed, or ends as if it had.
With `late`, only once a worker decodes whole shards. Python imports this by itself at its start.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import sys
import threading
from importlib.abc import MetaPathFinder
from typing import Any

MODULE = "fsp_ray.video.decode"


def _harm(name: str) -> None:
    if "late" in name and threading.current_thread().name != "prefetch":
        return
    if "segv" in name:
        ctypes.string_at(0)
    elif "gil" in name:
        ctypes.PyDLL(None).pause()
    elif "hang" in name:
        ctypes.CDLL(None).pause()
    elif "killed" in name:
        os.kill(os.getpid(), signal.SIGKILL)


class _Poison(MetaPathFinder):
    """Puts the harm into the one function that gives packets to FFmpeg's decoders."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        spec: Any = importlib.util.find_spec(fullname)
        plain = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            plain(module)
            decoded = module.decoded

            def poisoned(media: Any, packet: Any) -> Any:
                _harm(media.name)
                return decoded(media, packet)

            module.decoded = poisoned

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, _Poison())
