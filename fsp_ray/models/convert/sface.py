"""SFace: float weights, no PRelu, any batch."""

from __future__ import annotations

import onnx

from fsp_ray.models.convert.dequantise import dequantise
from fsp_ray.models.convert.graph import finish, replace_nodes, set_interface
from fsp_ray.models.convert.prelu import rewrite_prelus


def convert_sface(source: bytes) -> bytes:
    """Return OpenCV Zoo's block-quantised SFace as float ONNX with a dynamic batch."""
    graph = onnx.load_from_string(source).graph
    dequantise(graph)
    _drop_dropout(graph)
    rewrite_prelus(graph)
    set_interface(graph, {"data": ["faces", 3, 112, 112]}, {"fc1": ["faces", 128]})
    return finish(graph)


def _drop_dropout(graph: onnx.GraphProto) -> None:
    """Take out Dropout, which does nothing outside of training, with the constant it reads."""
    aliases = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Dropout"}
    nodes = [node for node in graph.node if node.op_type != "Dropout"]
    for node in nodes:
        for place, name in enumerate(node.input):
            node.input[place] = aliases.get(name, name)
    used = {name for node in nodes for name in node.input}
    kept = [n for n in nodes if n.op_type != "Constant" or n.output[0] in used]
    replace_nodes(graph, kept)
