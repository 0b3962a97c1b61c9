"""MediaPipe's face mesh and iris nets: TFLite (NHWC) to ONNX (NCHW), any batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import tflite
from onnx import helper

from fsp_ray.models.convert.graph import finish, set_constants, set_interface
from fsp_ray.models.convert.prelu import prelu_nodes
from fsp_ray.models.convert.tflite_reader import Layer, Tensor, TfliteGraph

INPUT_PX: Final = 192
EYE_PX: Final = 64
Outputs = Mapping[str, tuple[str, int]]
# The layers that end in the mesh and in the presence logit, and what we call their outputs.
_MESH: Final[Outputs] = {"conv2d_20": ("points", 1404), "conv2d_30": ("presence_logit", 1)}
# The net's other branch finds the iris; it is left out.
_EYE: Final[Outputs] = {"conv_eyes_contours_and_brows": ("contour", 213)}


def convert_mesh(source: bytes) -> bytes:
    """Return the mesh net: `input_1` [N,3,192,192] to `points` [N,1404], `presence_logit` [N,1].

    Raises:
        ValueError: the file holds a layer that this converter does not know.
    """
    return _converted(source, "face_mesh", ["faces", 3, INPUT_PX, INPUT_PX], _MESH)


def convert_iris(source: bytes) -> bytes:
    """Return the net that reads lids: `input_1` [N,3,64,64] to `contour` [N,213].

    Raises:
        ValueError: the file holds a layer that this converter does not know.
    """
    return _converted(source, "eyes", ["eyes", 3, EYE_PX, EYE_PX], _EYE)


def _converted(source: bytes, name: str, shape: list[int | str | None], outputs: Outputs) -> bytes:
    writer = _Writer(outputs)
    for layer in TfliteGraph(source).layers():
        # Only outputs are reshaped, and only to be flat.
        if layer.kind != "RESHAPE":
            writer.add(layer)
    return writer.finish(name, shape)


class _Writer:
    """Collects ONNX nodes and constants, one TFLite layer after the other."""

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs
        self._nodes: list[onnx.NodeProto] = []
        self._arrays: dict[str, npt.NDArray[np.generic]] = {}
        self._emitters: dict[str, Callable[[Layer], None]] = {
            "CONV_2D": self._conv,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "PRELU": self._prelu,
            "ADD": self._add,
            "MAX_POOL_2D": self._max_pool,
            "PAD": self._pad,
        }

    def add(self, layer: Layer) -> None:
        if layer.kind not in self._emitters:
            raise ValueError(f"the mesh converter knows no layer {layer.kind}")
        if layer.options is not None:
            _require_no_activation(layer)
        self._emitters[layer.kind](layer)

    def finish(self, name: str, shape: list[int | str | None]) -> bytes:
        for layer, (output, _) in self._outputs.items():
            self._node("Flatten", [layer], output)
        graph = onnx.GraphProto(name=name)
        graph.node.extend(self._nodes)
        set_constants(graph, self._arrays)
        set_interface(
            graph,
            {"input_1": shape},
            {output: [shape[0], length] for output, length in self._outputs.values()},
        )
        return finish(graph)

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def _constant(self, name: str, array: npt.NDArray[np.generic]) -> str:
        self._arrays[name] = array
        return name

    def _conv(self, layer: Layer) -> None:
        source, kernel, _ = layer.inputs
        self._convolve(layer, _data(kernel).transpose(0, 3, 1, 2), group=1)  # OHWI to OIHW
        if source.shape[3] != kernel.shape[3]:
            raise ValueError(f"{kernel.name}: grouped convolutions are not known")

    def _depthwise(self, layer: Layer) -> None:
        source, kernel, _ = layer.inputs
        if layer.options.DepthMultiplier() != 1:
            raise ValueError(f"{kernel.name}: only a depth multiplier of 1 is known")
        weights = _data(kernel).transpose(3, 0, 1, 2)  # 1HWC to C1HW
        self._convolve(layer, weights, group=source.shape[3])

    def _convolve(self, layer: Layer, weights: npt.NDArray[np.generic], *, group: int) -> None:
        source, kernel, bias = layer.inputs
        names = [
            source.name,
            self._constant(kernel.name, weights),
            self._constant(bias.name, _data(bias)),
        ]
        window = (weights.shape[2], weights.shape[3])
        self._node("Conv", names, layer.outputs[0].name, group=group, **_window(layer, window))

    def _prelu(self, layer: Layer) -> None:
        source, slope = layer.inputs
        values = _data(slope).astype(np.float32).reshape(-1)
        nodes, arrays = prelu_nodes(source.name, layer.outputs[0].name, values)
        self._nodes.extend(nodes)
        self._arrays.update(arrays)

    def _add(self, layer: Layer) -> None:
        self._node("Add", [tensor.name for tensor in layer.inputs], layer.outputs[0].name)

    def _max_pool(self, layer: Layer) -> None:
        window = (layer.options.FilterHeight(), layer.options.FilterWidth())
        self._node(
            "MaxPool",
            [layer.inputs[0].name],
            layer.outputs[0].name,
            kernel_shape=window,
            **_window(layer, window),
        )

    def _pad(self, layer: Layer) -> None:
        source, amounts = layer.inputs
        channels_first = _data(amounts).astype(np.int64)[[0, 3, 1, 2]]
        pads = self._constant(amounts.name, channels_first.T.reshape(-1))
        self._node("Pad", [source.name, pads], layer.outputs[0].name, mode="constant")


def _data(tensor: Tensor) -> npt.NDArray[np.generic]:
    if tensor.data is None:
        raise ValueError(f"{tensor.name} should be a constant")
    return tensor.data


def _require_no_activation(layer: Layer) -> None:
    if layer.options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
        raise ValueError(f"{layer.outputs[0].name}: fused activations are not known")


def _window(layer: Layer, window: tuple[int, int]) -> dict[str, Any]:
    """Return strides and pads; TFLite's SAME puts the odd pixel of padding last."""
    strides = (layer.options.StrideH(), layer.options.StrideW())
    totals = [0, 0]
    if layer.options.Padding() == tflite.Padding.SAME:
        sides, results = layer.inputs[0].shape[1:3], layer.outputs[0].shape[1:3]
        totals = [
            max((result - 1) * stride + extent - side, 0)
            for side, result, stride, extent in zip(sides, results, strides, window, strict=True)
        ]
    first = [total // 2 for total in totals]
    last = [total - before for total, before in zip(totals, first, strict=True)]
    return {"strides": strides, "pads": [*first, *last]}
