"""`python -m egress_review.bootstrap.folders`: makes the spool's folders, before a scan worker is given each by itself.

The worker's container sees the folder of jobs as one that cannot be written to. Such a mount needs the folder to be
there with its owner and mode; the cluster would make it as root's.
"""

import os
from pathlib import Path

from egress_review.checks.spool import make_folders

if __name__ == "__main__":
    make_folders(Path(os.environ.get("TIDEGATE_SPOOL", "/spool")))
