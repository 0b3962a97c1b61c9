"""Mesh swapper and cover. numpy and cv2."""

from __future__ import annotations

from fsp_ray.swap.cover import CoverStyle, cover
from fsp_ray.swap.settings import SwapSettings
from fsp_ray.swap.shape import strain
from fsp_ray.swap.swapper import MeshSwapper

__all__ = ["CoverStyle", "MeshSwapper", "SwapSettings", "cover", "strain"]
