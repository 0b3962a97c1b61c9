"""The Ray Data graph that strings the stages together. The only room that imports ray."""

from fsp_ray.raydata.request import RunRequest
from fsp_ray.raydata.run import Worklist, anonymize, plan

__all__ = ["RunRequest", "Worklist", "anonymize", "plan"]
