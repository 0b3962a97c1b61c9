"""Sources, storage, tables, query. The only room with pyarrow, deltalake, duckdb, fsspec."""

from __future__ import annotations

from fsp_ray.lake.demographics import DIMENSIONS, Counts, Dimension
from fsp_ray.lake.lake import Lake
from fsp_ray.lake.layout import VIDEO_SUFFIXES, published_path
from fsp_ray.lake.lease import Lease
from fsp_ray.lake.ledger import Ledger, LedgerEntry, may_pass
from fsp_ray.lake.maintenance import Maintenance
from fsp_ray.lake.media import BucketMedia, LocalMedia
from fsp_ray.lake.rows import Row
from fsp_ray.lake.sources import Listing, Selection, SourceVideo, check_source, list_source
from fsp_ray.lake.staging import TOMBSTONES, stage_video
from fsp_ray.lake.tables import TABLES, export_schemas
from fsp_ray.lake.verify import Finding, Verification

__all__ = [
    "DIMENSIONS",
    "TABLES",
    "TOMBSTONES",
    "VIDEO_SUFFIXES",
    "BucketMedia",
    "Counts",
    "Dimension",
    "Finding",
    "Lake",
    "Lease",
    "Ledger",
    "LedgerEntry",
    "Listing",
    "LocalMedia",
    "Maintenance",
    "Row",
    "Selection",
    "SourceVideo",
    "Verification",
    "check_source",
    "export_schemas",
    "list_source",
    "may_pass",
    "published_path",
    "stage_video",
]
