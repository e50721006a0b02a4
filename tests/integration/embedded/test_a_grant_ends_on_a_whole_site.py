"""On a whole Tidegate: when a grant ends, its workspace ends within five seconds, and no other opens."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from job_kit import PROJECT
from site_kit import Site, site, wait_for
from tidegate.demo.browser import Person
from tidegate.model import TidegateError, to_text
from tidegate.sandbox import Running, alive

WITHIN = 5.0
AHEAD = timedelta(seconds=12)


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path / "state", approved=True) as found:
        yield found


def open_workspace(person: Person, whole: Site) -> None:
    page = person.log_in(f"{whole.hub}/hub/login", f"{person.name}-demo-password")
    door = page.links(f"/{PROJECT}")[0]
    home = f"/user/{person.name}/{PROJECT}/"
    wait_for("the workspace", lambda: home in person.open(door).url, 90)


def sandboxes(whole: Site) -> list[Running]:
    """Both sandboxes of every workspace on record."""
    records = [json.loads(path.read_text()) for path in (whole.state / "run" / "servers").glob("*.json")]
    return [Running.from_json(json.dumps(record[part])) for record in records for part in ("kernel", "session")]


def end_grant_at(whole: Site, name: str, until: datetime, folder: Path) -> None:
    """The officer applies the same grant with an earlier end."""
    documents = list(yaml.safe_load_all((whole.objects / "project.yaml").read_text()))
    (grant,) = (document for document in documents if document["metadata"]["name"] == name)
    grant["spec"]["until"] = to_text(until)
    changed = folder / "grant.yaml"
    changed.write_text(yaml.safe_dump(grant))
    done = whole.cli("apply", "-f", str(changed), officer=True)
    assert done.returncode == 0, done.stderr


def test_a_workspace_ends_with_its_grant_and_no_other_opens(whole: Site, tmp_path: Path) -> None:
    with Person("ravi") as ravi:
        open_workspace(ravi, whole)
        running = sandboxes(whole)
        assert len(running) == 2
        until = datetime.now(UTC) + AHEAD
        end_grant_at(whole, f"ravi-{PROJECT}", until, tmp_path)
        wait_for("the end", lambda: datetime.now(UTC) >= until, AHEAD.total_seconds() + 1)
        assert all(alive(one) for one in running), "it ended before its time"
        began = time.monotonic()
        wait_for("both sandboxes to end", lambda: not any(alive(one) for one in running), WITHIN)
        assert time.monotonic() - began <= WITHIN
        with pytest.raises(TidegateError) as refused:
            ravi.open(f"{whole.hub}/hub/spawn/ravi/{PROJECT}")
    assert "ended" in refused.value.sentence, refused.value.sentence
    assert sandboxes(whole) == []
