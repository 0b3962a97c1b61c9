"""`fsp evaluate` as a Ray job.

ray job submit --working-dir . -- python jobs/evaluate.py --faces /data/faces -o /data/evaluation
"""

import sys

from fsp_ray.cli.job import run_job

if __name__ == "__main__":
    sys.exit(run_job("evaluate", sys.argv[1:]))
