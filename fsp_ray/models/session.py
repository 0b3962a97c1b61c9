"""Runs one ONNX file in onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import onnxruntime as ort

from fsp_ray.core.beats import beat
from fsp_ray.core.face_types import F32

CPU: Final = ("CPUExecutionProvider",)
_ERRORS_ONLY: Final = 3


class Session:
    """One net with one input. Runs on `threads` threads; not to be shared between processes."""

    def __init__(self, model: bytes, *, threads: int = 1, providers: Sequence[str] = CPU) -> None:
        options: Any = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Idle threads that spin steal the cores that other workers of the node need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = ort.InferenceSession(model, options, providers=list(providers))
        self._input: str = self._session.get_inputs()[0].name
        self.outputs: tuple[str, ...] = tuple(o.name for o in self._session.get_outputs())

    def run(self, batch: F32) -> dict[str, F32]:
        """Return all outputs by name for one NCHW batch."""
        values: list[F32] = self._session.run(None, {self._input: batch})
        beat()
        return dict(zip(self.outputs, values, strict=True))
