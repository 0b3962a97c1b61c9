"""CenterFace: any frame size, weights that are weights and not inputs."""

from __future__ import annotations

import onnx

from fsp_ray.models.convert.graph import finish, set_interface

# Outputs as the file names them, in the words of the paper.
_OUTPUTS = {"537": ("heat", 1), "538": ("scale", 2), "539": ("offset", 2), "540": ("points", 10)}


def convert_centerface(source: bytes) -> bytes:
    """Return CenterFace with dynamic batch, height and width and readable output names."""
    graph = onnx.load_from_string(source).graph
    for node in graph.node:
        for place, name in enumerate(node.output):
            if name in _OUTPUTS:
                node.output[place] = _OUTPUTS[name][0]
    set_interface(
        graph,
        {"input.1": ["frames", 3, "height", "width"]},
        {name: ["frames", channels, None, None] for name, channels in _OUTPUTS.values()},
    )
    return finish(graph)
