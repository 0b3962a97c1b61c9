"""Block-quantised weights back to float32.

OpenCV Zoo stores weights as int8 blocks with one scale and zero point each, behind
DequantizeLinear (`block_size`, ONNX opset 21) and Reshape nodes. onnxruntime does not run that
form; the arithmetic is exact in float32, so it is done once, here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from fsp_ray.models.convert.graph import FloatArray, constants, replace_nodes, set_constants

IntArray = npt.NDArray[np.integer]


def dequantise_blocks(
    values: IntArray, scale: FloatArray, zero_point: IntArray, *, axis: int, block_size: int
) -> FloatArray:
    """Return (values - zero_point)·scale, a scale for each `block_size` values along `axis`."""
    length = values.shape[axis]
    spread_scale = np.repeat(scale, block_size, axis=axis).take(range(length), axis=axis)
    spread_zero = np.repeat(zero_point, block_size, axis=axis).take(range(length), axis=axis)
    shifted = values.astype(np.float32) - spread_zero.astype(np.float32)
    return shifted * spread_scale.astype(np.float32)


def dequantise(graph: onnx.GraphProto) -> None:
    """Replace DequantizeLinear of constants, and Reshape of its results, by constants, in place."""
    arrays: dict[str, npt.NDArray[np.generic]] = dict(constants(graph))
    made: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear":
            options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
            values, scale, zero_point = (arrays[name] for name in node.input)
            arrays[node.output[0]] = dequantise_blocks(
                values.astype(np.int32),
                scale.astype(np.float32),
                zero_point.astype(np.int32),
                axis=int(options["axis"]),
                block_size=int(options["block_size"]),
            )
        elif node.op_type == "Reshape" and node.input[0] in made:
            shape = arrays[node.input[1]].astype(np.int64)
            arrays[node.output[0]] = arrays[node.input[0]].reshape(tuple(shape))
        else:
            nodes.append(node)
            continue
        made.add(node.output[0])
    replace_nodes(graph, nodes)
    set_constants(graph, arrays)
