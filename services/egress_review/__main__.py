"""`python -m egress_review serve|work|migrate`, as the supervisor starts it. All settings come from the environment."""

import sys

from egress_review.bootstrap.commands import main

sys.exit(main(sys.argv[1:]))
