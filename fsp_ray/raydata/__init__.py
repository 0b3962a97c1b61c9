"""The Ray Data graph that strings the stages together. The only room that imports ray."""

from fsp_ray.raydata.request import Deleted, RunRequest
from fsp_ray.raydata.run import anonymize
from fsp_ray.raydata.worklist import Worklist, plan

__all__ = ["Deleted", "RunRequest", "Worklist", "anonymize", "plan"]
