"""`fsp anonymize` as a Ray job.

ray job submit --working-dir . -- python jobs/anonymize.py s3://archive s3://lake --address auto
"""

import sys

from fsp_ray.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["anonymize", *sys.argv[1:]]))
