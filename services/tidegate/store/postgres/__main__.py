"""`python -m tidegate.store.postgres`: the migrations, as the owner's role; a job of the chart runs it first."""

import os
import sys
from pathlib import Path

from tidegate.model import TidegateError
from tidegate.store.postgres.database import url_in
from tidegate.store.postgres.migrate import migrate


def main() -> int:
    """The owner's address is the file `database-url` in the folder `TIDEGATE_SECRETS` names."""
    try:
        applied = migrate(url_in(Path(os.environ.get("TIDEGATE_SECRETS", "/run/secrets/tidegate")) / "database-url"))
    except TidegateError as error:
        sys.stderr.write(f"tidegate: {error}\n")
        return error.exit_code
    sys.stderr.write(f"Applied {', '.join(applied)}.\n" if applied else "The database is up to date.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
