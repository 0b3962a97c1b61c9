"""Geometry, tracking, persons, aggregated attributes. Pure numpy."""

from fsp_ray.faces.alignment import (
    ARCFACE_TEMPLATE_112,
    arcface_kps,
    arcface_matrices,
    attribute_chip_matrices,
    dlib_chip_matrices,
)
from fsp_ray.faces.geometry import (
    HeadPose,
    box_from_points,
    head_pose,
    iou,
    nms,
    rois_from_detections,
    rois_from_landmarks,
    similarity,
)
from fsp_ray.faces.linking import link_tracks
from fsp_ray.faces.modes import COVER, SWAP, replacement_modes
from fsp_ray.faces.persons import PersonAttributes, aggregate
from fsp_ray.faces.smoothing import smooth_track
from fsp_ray.faces.tracking import Observation, ShardTracker
from fsp_ray.faces.views import BestViews, View

__all__ = [
    "ARCFACE_TEMPLATE_112",
    "COVER",
    "SWAP",
    "BestViews",
    "HeadPose",
    "Observation",
    "PersonAttributes",
    "ShardTracker",
    "View",
    "aggregate",
    "arcface_kps",
    "arcface_matrices",
    "attribute_chip_matrices",
    "box_from_points",
    "dlib_chip_matrices",
    "head_pose",
    "iou",
    "link_tracks",
    "nms",
    "replacement_modes",
    "rois_from_detections",
    "rois_from_landmarks",
    "similarity",
    "smooth_track",
]
