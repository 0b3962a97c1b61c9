"""`fsp evaluate` as a Ray job.

ray job submit --working-dir . -- python jobs/evaluate.py --faces /data/faces -o /data/evaluation
"""

import sys

from fsp_ray.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["evaluate", *sys.argv[1:]]))
