"""`fsp maintain` as a Ray job: it needs a node of the cluster, and no worker.

ray job submit --working-dir . -- python jobs/maintain.py s3://lake
"""

import sys

from fsp_ray.cli.job import run_job

if __name__ == "__main__":
    sys.exit(run_job("maintain", sys.argv[1:]))
