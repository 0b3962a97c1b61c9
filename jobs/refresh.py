"""`fsp refresh` as a Ray job; on the cluster that runs it, where no --address is given.

ray job submit --working-dir . -- python jobs/refresh.py s3://archive s3://lake
"""

import sys

from fsp_ray.cli.job import run_job

if __name__ == "__main__":
    sys.exit(run_job("refresh", sys.argv[1:]))
