"""fsp_ray: anonymise video archives with synthetic faces, on Ray Data."""

__version__ = "0.1.0"
