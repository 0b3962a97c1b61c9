"""What a person looks at: contact sheets, strips, benchmarks."""

from __future__ import annotations

from fsp_ray.report.contact_sheet import Pair, contact_sheet, strip
from fsp_ray.report.lake_strips import lake_strips

__all__ = ["Pair", "contact_sheet", "lake_strips", "strip"]
