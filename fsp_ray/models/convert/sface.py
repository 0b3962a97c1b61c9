"""SFace: float weights, no PRelu, any batch, and what its hidden layers say of age and gender."""

from __future__ import annotations

from typing import Final

import onnx

from fsp_ray.models.convert.dequantise import dequantise
from fsp_ray.models.convert.graph import finish, replace_nodes, set_interface
from fsp_ray.models.convert.pooling import add_pooled_output
from fsp_ray.models.convert.prelu import rewrite_prelus

POOLED: Final = "pooled"
# Chosen on faces by how well age can be read from them: late layers by what they found, middle
# ones by how much it varies over the face.
_MEANS: Final = ("conv_13_relu", "conv_14_relu")
_DEVIATIONS: Final = ("conv_10_relu", "conv_8_relu")
_POOLED_CHANNELS: Final = 2 * 1024 + 2 * 512


def convert_sface(source: bytes) -> bytes:
    """Return OpenCV Zoo's block-quantised SFace as float ONNX with a dynamic batch.

    Beside the embedding it puts out `POOLED`, f32[N, 3072].
    """
    graph = onnx.load_from_string(source).graph
    dequantise(graph)
    _drop_dropout(graph)
    rewrite_prelus(graph)
    add_pooled_output(graph, POOLED, means=_MEANS, deviations=_DEVIATIONS)
    outputs = {"fc1": ["faces", 128], POOLED: ["faces", _POOLED_CHANNELS]}
    set_interface(graph, {"data": ["faces", 3, 112, 112]}, outputs)
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
