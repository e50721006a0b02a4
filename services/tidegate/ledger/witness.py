"""The last entry of each chain, kept beside the database, so that cutting off a chain's end shows.

Written after each commit by the stores; read by `verify`. A crash between commit and note leaves the witness behind the
chain, which is harmless; a witness ahead of its chain means entries were taken away.
"""

import json
import os
import tempfile
from pathlib import Path

from tidegate.ledger.record import Entry


class Witness:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, entry: Entry) -> None:
        """Remember this entry as the chain's head unless a later one is remembered already."""
        known = self.heads().get(entry.chain)
        if known is not None and known[0] >= entry.seq:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=self._folder, prefix=".part-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"seq": entry.seq, "digest": entry.digest}, file)
        Path(part).replace(self._folder / f"{entry.chain}.json")

    def heads(self) -> dict[str, tuple[int, str]]:
        """Sequence number and digest of the last entry seen, by chain."""
        found = {}
        for path in self._folder.glob("*.json"):
            head = json.loads(path.read_text(encoding="utf-8"))
            found[path.stem] = (int(head["seq"]), str(head["digest"]))
        return found
