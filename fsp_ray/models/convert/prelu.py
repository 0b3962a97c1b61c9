"""PReLU as operators that onnxruntime has fast CPU kernels for.

PReLU(x) = a·x + (1 - a)·max(x, 0), channel by channel: a Relu, two depthwise 1x1 convolutions
and a sum. On CPU that runs the mesh net several times faster than the PRelu operator.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from fsp_ray.models.convert.graph import FloatArray, constants, replace_nodes, set_constants


def prelu_nodes(
    source: str, target: str, slope: FloatArray
) -> tuple[list[onnx.NodeProto], dict[str, FloatArray]]:
    """Return nodes and constants computing `target` = PReLU(`source`); `slope` is f32[C]."""
    channels = len(slope)
    names = {part: f"{target}/{part}" for part in ("relu", "below", "above", "a", "1-a")}
    kernel = slope.reshape(channels, 1, 1, 1).astype(np.float32)
    weights = {names["a"]: kernel, names["1-a"]: np.float32(1) - kernel}
    nodes = [
        helper.make_node("Relu", [source], [names["relu"]]),
        helper.make_node("Conv", [source, names["a"]], [names["below"]], group=channels),
        helper.make_node("Conv", [names["relu"], names["1-a"]], [names["above"]], group=channels),
        helper.make_node("Add", [names["below"], names["above"]], [target]),
    ]
    return nodes, weights


def rewrite_prelus(graph: onnx.GraphProto) -> None:
    """Rewrite every PRelu of `graph` whose slopes are one a channel, in place."""
    arrays: dict[str, npt.NDArray[np.generic]] = dict(constants(graph))
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type != "PRelu":
            nodes.append(node)
            continue
        slope = arrays[node.input[1]].astype(np.float32)
        if slope.size != slope.shape[0]:
            raise ValueError(f"PRelu slopes of shape {slope.shape} are not one a channel")
        made, weights = prelu_nodes(node.input[0], node.output[0], slope.reshape(-1))
        nodes.extend(made)
        arrays.update(weights)
    replace_nodes(graph, nodes)
    set_constants(graph, arrays)
