"""This process's way to S3; what it is made of is loaded when it is first asked for."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fsp_ray.lake.bucket import PatientS3

_connecting: Final = threading.Lock()


def bucket_filesystem() -> PatientS3:
    """Return this process's way to S3, by the environment of the moment.

    Keys, endpoint and region are found the way botocore and AWS's tools do; AWS_REGION, too.
    """
    from fsp_ray.lake.bucket import connected  # noqa: PLC0415 - a quarter of a second

    environment = sorted((n, v) for n, v in os.environ.items() if n.startswith("AWS_"))
    # A digest, so that no secret is kept as a key of the cache.
    digest = hashlib.sha256(repr(environment).encode(errors="surrogateescape")).hexdigest()
    with _connecting:  # or threads that come first would each make one
        return connected(os.getpid(), digest)
