"""dlib's face recognition ResNet: .dat to ONNX, any batch.

The file lists layers but not how they are wired; the wiring is that of dlib's published example
(dnn_face_recognition_ex.cpp): residual blocks of con, affine, relu, con, affine, whose shortcut
is the block's input, average-pooled where the block halves the size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from fsp_ray.models.convert.dlib_reader import DlibLayer, FloatArray, read_layers
from fsp_ray.models.convert.graph import finish, set_interface

INPUT_PX: Final = 150
_PIXEL_SCALE: Final = 256.0  # dlib's input layers divide by this after subtracting the mean
_Shape = tuple[int, int, int]


def convert_dlib_resnet(source: bytes) -> bytes:
    """Return the net as `images` f32[N,3,150,150], RGB 0..255, to `descriptor` f32[N,128]."""
    writer = _Writer()
    for layer in read_layers(source):
        writer.add(layer)
    return writer.finish()


class _Writer:
    """Follows the layers; `_value` is the latest result, `_shortcut` the open block's input."""

    def __init__(self) -> None:
        self._graph = onnx.GraphProto(name="dlib_face_recognition_resnet")
        self._value = "images"
        self._shape: _Shape = (3, INPUT_PX, INPUT_PX)
        self._shortcut, self._shortcut_shape = self._value, self._shape
        self._branch: tuple[str, _Shape] | None = None  # the block's result, while it waits
        self._after_add = False
        self._convolution: DlibLayer | None = None
        self._emitters: dict[str, Callable[[DlibLayer], None]] = {
            "input_rgb_image_sized": self._normalise,
            "con_4": self._hold_convolution,
            "affine_": self._conv,
            "relu_": self._relu,
            "max_pool_2": self._max_pool,
            "avg_pool_2": self._average_pool,
            "add_prev_": self._close_block,
            "fc_2": self._project,
        }

    def add(self, layer: DlibLayer) -> None:
        if layer.kind not in self._emitters:
            raise ValueError(f"the dlib converter knows no layer {layer.kind}")
        self._emitters[layer.kind](layer)

    def finish(self) -> bytes:
        self._graph.node[-1].output[0] = self._value = "descriptor"
        set_interface(
            self._graph,
            {"images": ["faces", 3, INPUT_PX, INPUT_PX]},
            {self._value: ["faces", self._shape[0]]},
        )
        return finish(self._graph)

    def _open_block(self) -> None:
        self._shortcut, self._shortcut_shape = self._value, self._shape
        self._after_add = False

    def _normalise(self, layer: DlibLayer) -> None:
        # The means are written in float precision; so are the ones dlib subtracts.
        mean = np.array(layer.mean, np.float32).reshape(1, 3, 1, 1)
        self._emit("Sub", [self._constant("mean", mean)])
        self._emit("Mul", [self._constant("scale", np.array(1 / _PIXEL_SCALE, np.float32))])

    def _hold_convolution(self, layer: DlibLayer) -> None:
        self._convolution = layer  # written with the affine layer that follows

    def _relu(self, _layer: DlibLayer) -> None:
        self._emit("Relu", [])
        if self._after_add:
            self._open_block()

    def _max_pool(self, layer: DlibLayer) -> None:
        self._pool("MaxPool", layer)
        self._open_block()

    def _average_pool(self, layer: DlibLayer) -> None:
        if layer.numbers[0] == 0:  # over everything
            self._emit("GlobalAveragePool", [])
            self._emit("Flatten", [])
            return
        self._branch = (self._value, self._shape)
        self._value, self._shape = self._shortcut, self._shortcut_shape
        self._pool("AveragePool", layer)

    def _conv(self, affine: DlibLayer) -> None:
        """Write convolution and affine layer as one convolution, folded in double precision."""
        if self._convolution is None:
            raise ValueError("an affine layer must follow a convolution")
        params, numbers = self._convolution.params, self._convolution.numbers
        filters, *window = numbers[:3]
        strides, pads = numbers[3:5], numbers[5:7]
        gamma, beta = affine.params.astype(np.float64).reshape(2, filters)
        kernel = params[:-filters].astype(np.float64).reshape(filters, self._shape[0], *window)
        bias = params[-filters:].astype(np.float64) * gamma + beta
        kernel = kernel * gamma[:, None, None, None]
        number = len(self._graph.node)
        names = [
            self._constant(f"kernel_{number}", kernel.astype(np.float32)),
            self._constant(f"bias_{number}", bias.astype(np.float32)),
        ]
        self._emit("Conv", names, strides=strides, pads=[*pads, *pads])
        self._shape = (filters, *self._slide(window, strides, pads))
        self._convolution = None

    def _pool(self, kind: str, layer: DlibLayer) -> None:
        window, strides, pads = layer.numbers[:2], layer.numbers[2:4], layer.numbers[4:6]
        self._emit(kind, [], kernel_shape=window, strides=strides, pads=[*pads, *pads])
        self._shape = (self._shape[0], *self._slide(window, strides, pads))

    def _slide(
        self, window: tuple[int, ...] | list[int], strides: tuple[int, ...], pads: tuple[int, ...]
    ) -> tuple[int, int]:
        height, width = (
            (side + 2 * pad - extent) // stride + 1
            for side, extent, stride, pad in zip(
                self._shape[1:], window, strides, pads, strict=True
            )
        )
        return height, width

    def _close_block(self, _layer: DlibLayer) -> None:
        """Add shortcut and block; dlib counts what lies outside the smaller one as zero."""
        if self._branch is None:
            self._branch = (self._shortcut, self._shortcut_shape)
        sides = zip(self._shape, self._branch[1], strict=True)
        shape: Any = tuple(max(pair) for pair in sides)
        first = self._padded(self._value, self._shape, shape)
        self._value = self._padded(*self._branch, shape)
        self._shape, self._branch, self._after_add = shape, None, True
        self._emit("Add", [first])

    def _padded(self, value: str, shape: _Shape, wanted: _Shape) -> str:
        if shape == wanted:
            return value
        behind = [want - side for want, side in zip(wanted, shape, strict=True)]
        pads = numpy_helper.from_array(np.array([0] * 5 + behind, np.int64), f"{value}_pads")
        self._graph.initializer.append(pads)
        self._graph.node.append(helper.make_node("Pad", [value, pads.name], [f"{value}_padded"]))
        return f"{value}_padded"

    def _project(self, layer: DlibLayer) -> None:
        outputs, inputs = layer.numbers
        self._emit("MatMul", [self._constant("weights", layer.params.reshape(inputs, outputs))])
        self._shape = (outputs, 1, 1)

    def _constant(self, name: str, array: FloatArray) -> str:
        self._graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def _emit(self, kind: str, others: list[str], **attributes: Any) -> None:
        output = f"value_{len(self._graph.node)}"
        inputs = [self._value, *others]
        self._graph.node.append(helper.make_node(kind, inputs, [output], **attributes))
        self._value = output
