"""Model packs and one adapter a role and engine. The only room that imports engines."""

from fsp_ray.models.install import InstalledModel, install_pack, verify_pack
from fsp_ray.models.manifest import ModelEntry, Pack, list_packs, show_pack
from fsp_ray.models.pack_models import load_models

__all__ = [
    "InstalledModel",
    "ModelEntry",
    "Pack",
    "install_pack",
    "list_packs",
    "load_models",
    "show_pack",
    "verify_pack",
]
