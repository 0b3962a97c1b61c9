"""Sources, storage, tables, query. The only room with pyarrow, deltalake, duckdb, fsspec."""

from __future__ import annotations

from fsp_ray.lake.demographics import DIMENSIONS, Dimension
from fsp_ray.lake.lake import Lake
from fsp_ray.lake.layout import VIDEO_SUFFIXES, published_path
from fsp_ray.lake.ledger import Ledger, LedgerEntry
from fsp_ray.lake.maintenance import Maintenance
from fsp_ray.lake.media import BucketMedia, LocalMedia
from fsp_ray.lake.rows import Row
from fsp_ray.lake.sources import SourceVideo, list_source
from fsp_ray.lake.tables import TABLES, export_schemas

__all__ = [
    "DIMENSIONS",
    "TABLES",
    "VIDEO_SUFFIXES",
    "BucketMedia",
    "Dimension",
    "Lake",
    "Ledger",
    "LedgerEntry",
    "LocalMedia",
    "Maintenance",
    "Row",
    "SourceVideo",
    "export_schemas",
    "list_source",
    "published_path",
]
