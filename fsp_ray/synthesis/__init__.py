"""Mesh topology, texture unwrap, face bank, generator, ageing. numpy and cv2."""

from __future__ import annotations

from fsp_ray.synthesis.source import SourceFaceBuilder, merge_sources
from fsp_ray.synthesis.texels import TexelMap, texel_map, unwrap
from fsp_ray.synthesis.topology import Region, Topology, load_topology, normalise_shape, with_rings

__all__ = [
    "Region",
    "SourceFaceBuilder",
    "TexelMap",
    "Topology",
    "load_topology",
    "merge_sources",
    "normalise_shape",
    "texel_map",
    "unwrap",
    "with_rings",
]
