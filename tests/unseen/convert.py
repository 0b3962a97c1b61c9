"""The unseen recogniser's net: TFLite (NHWC) to ONNX (NCHW), any batch."""

from __future__ import annotations

import numpy as np
import onnx
import tflite
from onnx import helper

from fsp_ray.models.convert.graph import finish, set_constants, set_interface
from fsp_ray.models.convert.tflite_reader import Layer, TfliteGraph

INPUT_PX, DIMENSIONS = 112, 128
_ONNX_NAMES = {"SUB": "Sub", "MUL": "Mul", "ADD": "Add"}


def convert_mobilenet(source: bytes) -> bytes:
    """Return `data` [N, 3, 112, 112], RGB 0..255, to `vector` [N, 128]; layers run in a line."""
    graph, arrays, value = onnx.GraphProto(name="unseen"), {}, "data"

    def node(kind: str, inputs: list[str], **attributes: object) -> str:
        output = f"value_{len(graph.node)}"
        graph.node.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(array: np.ndarray) -> str:
        name = f"constant_{len(arrays)}"
        arrays[name] = array
        return name

    for layer in TfliteGraph(source).layers():
        held = [tensor.data for tensor in layer.inputs if tensor.data is not None]
        if layer.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            weights, window = _window(layer, held[0])
            value = node("Conv", [value, constant(weights), *map(constant, held[1:])], **window)
            if layer.options.FusedActivationFunction() == tflite.ActivationFunctionType.RELU6:
                value = node("Clip", [value, constant(np.float32(0)), constant(np.float32(6))])
        elif layer.kind == "PAD":
            pads = held[0][[0, 3, 1, 2]].T.reshape(-1).astype(np.int64)
            value = node("Pad", [value, constant(pads)])
        elif layer.kind == "MEAN":
            value = node("Flatten", [node("GlobalAveragePool", [value])])
        elif layer.kind == "FULLY_CONNECTED":
            value = node("Gemm", [value, *map(constant, held)], transB=1)
        else:
            value = node(_ONNX_NAMES[layer.kind], [value, constant(held[0])])
    graph.node[-1].output[0] = "vector"
    set_constants(graph, arrays)
    set_interface(
        graph,
        {"data": ["faces", 3, INPUT_PX, INPUT_PX]},
        {"vector": ["faces", DIMENSIONS]},
    )
    return finish(graph)


def _window(layer: Layer, kernel: np.ndarray) -> tuple[np.ndarray, dict[str, object]]:
    depthwise = layer.kind == "DEPTHWISE_CONV_2D"
    weights = kernel.transpose(3, 0, 1, 2) if depthwise else kernel.transpose(0, 3, 1, 2)
    same = layer.options.Padding() == tflite.Padding.SAME
    return np.ascontiguousarray(weights), {
        "group": len(weights) if depthwise else 1,
        "strides": (layer.options.StrideH(), layer.options.StrideW()),
        "auto_pad": "SAME_UPPER" if same else "VALID",
    }
