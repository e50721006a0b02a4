"""`python -m egress_review serve|work|migrate|scan`. All settings come from the environment.

`scan` reads hostile files and has no use for Django, a database or a client, so it does not even import them.
"""

import sys

if sys.argv[1:] == ["scan"]:
    from egress_review.bootstrap.scanner import main as scan

    sys.exit(scan())

from egress_review.bootstrap.commands import main

sys.exit(main(sys.argv[1:]))
