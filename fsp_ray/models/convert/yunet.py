"""YuNet: float weights, any frame size."""

from __future__ import annotations

import onnx

from fsp_ray.models.convert.dequantise import dequantise
from fsp_ray.models.convert.graph import finish, set_interface


def convert_yunet(source: bytes) -> bytes:
    """Return OpenCV Zoo's block-quantised YuNet as float ONNX with dynamic height and width."""
    graph = onnx.load_from_string(source).graph
    dequantise(graph)
    outputs = {
        item.name: [1, None, item.type.tensor_type.shape.dim[2].dim_value] for item in graph.output
    }
    set_interface(graph, {"input": [1, 3, "height", "width"]}, outputs)
    return finish(graph)
