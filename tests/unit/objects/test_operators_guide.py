"""The operator's guide to the object store has the table of rights as it is in the code."""

from pathlib import Path

from tidegate.objects.purposes import BUCKETS, PURPOSES

GUIDE = Path(__file__).parents[3] / "docs" / "operator" / "object-store.md"


def test_the_guide_has_the_rights_as_they_are() -> None:
    cells = {
        purpose: [", ".join(sorted(buckets.get(bucket, frozenset()))) for bucket in BUCKETS]
        for purpose, buckets in PURPOSES.items()
    }
    rows = [
        f"| `{purpose}` | {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |")
        for purpose, row in cells.items()
    ]
    table = GUIDE.read_text().partition("<!-- purposes -->")[2].partition("<!-- /purposes -->")[0]
    assert table.strip().splitlines()[2:] == rows


def test_the_guide_names_every_bucket() -> None:
    text = GUIDE.read_text()
    assert all(f"| `{bucket}` |" in text for bucket in BUCKETS)
