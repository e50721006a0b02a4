"""`make bench`: all of them, or those named: `python -m benchmarks pull decisions`."""

import importlib
import sys

NAMES = ("decisions", "pull", "kernel_start", "workspace_ready")


def main(wanted: list[str]) -> None:
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    for name in wanted or NAMES:
        print(f"\n== {name}")
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
