"""Mesh topology, texture unwrap, face bank, generator, ageing. numpy and cv2."""

from __future__ import annotations

from fsp_ray.synthesis.ageing import AgeModel, load_age_model
from fsp_ray.synthesis.bank import FaceBank
from fsp_ray.synthesis.bank_build import BankReport, build_bank
from fsp_ray.synthesis.bank_mix import mix_bank
from fsp_ray.synthesis.generator import BankGenerator
from fsp_ray.synthesis.source import SourceFaceBuilder, merge_sources
from fsp_ray.synthesis.texels import TexelMap, texel_map, unwrap
from fsp_ray.synthesis.texture import decode_ratio, encode_ratio, log_ratio, skin_tone
from fsp_ray.synthesis.topology import (
    Region,
    Topology,
    load_topology,
    normalise_shape,
    with_rings,
)
from fsp_ray.synthesis.variation import VariationModel, load_variation

__all__ = [
    "AgeModel",
    "BankGenerator",
    "BankReport",
    "FaceBank",
    "Region",
    "SourceFaceBuilder",
    "TexelMap",
    "Topology",
    "VariationModel",
    "build_bank",
    "decode_ratio",
    "encode_ratio",
    "load_age_model",
    "load_topology",
    "load_variation",
    "log_ratio",
    "merge_sources",
    "mix_bank",
    "normalise_shape",
    "skin_tone",
    "texel_map",
    "unwrap",
    "with_rings",
]
