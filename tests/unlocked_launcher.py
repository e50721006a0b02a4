"""The launcher without lock 1, to show what the lock is for. No part of the product, and nothing there names it."""

import sys

sys.path[0] = "/opt/tidegate"

from launcher.main import main  # noqa: E402  # only found once the path is set

main(sys.argv[1:], load_filter=lambda _network: None)
