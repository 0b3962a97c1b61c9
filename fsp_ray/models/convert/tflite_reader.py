"""Reads a TFLite flatbuffer of float32 layers into plain values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

_DTYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.INT32: np.int32}
_OPTION_TYPES = {
    "CONV_2D": tflite.Conv2DOptions,
    "DEPTHWISE_CONV_2D": tflite.DepthwiseConv2DOptions,
    "MAX_POOL_2D": tflite.Pool2DOptions,
    "ADD": tflite.AddOptions,
}


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A value of the graph; `data` is None for what is computed. Shapes are NHWC."""

    name: str
    shape: tuple[int, ...]
    data: npt.NDArray[np.generic] | None


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One operator: its TFLite name, its options object (None without), inputs and outputs."""

    kind: str
    options: Any
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class TfliteGraph:
    """The first subgraph of a TFLite file."""

    def __init__(self, data: bytes) -> None:
        self._model: Any = tflite.Model.GetRootAs(data)
        self._graph: Any = self._model.Subgraphs(0)
        self._kinds = {
            value: name
            for name, value in vars(tflite.BuiltinOperator).items()
            if isinstance(value, int)
        }

    def layers(self) -> Iterator[Layer]:
        """Yield the operators in the order they run in."""
        for index in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(index)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            # Files from before 2020 keep the code in the deprecated 8-bit field.
            kind = self._kinds[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            yield Layer(
                kind,
                _options(kind, operator),
                tuple(self._tensor(i) for i in operator.InputsAsNumpy()),
                tuple(self._tensor(i) for i in operator.OutputsAsNumpy()),
            )

    def _tensor(self, index: int) -> Tensor:
        tensor = self._graph.Tensors(index)
        shape = tuple(int(side) for side in tensor.ShapeAsNumpy())
        buffer = self._model.Buffers(tensor.Buffer())
        data = None
        if buffer.DataLength():
            raw: npt.NDArray[np.uint8] = buffer.DataAsNumpy()
            data = np.frombuffer(raw.tobytes(), _DTYPES[tensor.Type()]).reshape(shape)
        return Tensor(tensor.Name().decode(), shape, data)


def _options(kind: str, operator: Any) -> Any:
    if kind not in _OPTION_TYPES:
        return None
    options = _OPTION_TYPES[kind]()
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    return options
