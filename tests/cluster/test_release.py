"""A request on the installed release, in its pods: every part is killed once, and what was approved is fetched.

People act by the use cases in the review pod, with its credentials; pages and log-in are the browser's test.
"""

import json
import secrets
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kit import Cluster, eventually
from cluster.postgres import door
from cluster.site_secrets import NAMESPACE
from cluster_cohort_kit import now
from cluster_live_kit import Live
from model_kit import grant
from tidegate.ledger import Actor, Event, Record
from tidegate.model import PersonRef
from tidegate.store import Account
from tidegate.store.postgres import Database, PostgresAccounts, PostgresLedger

PEOPLE = ("rosa", "chidi", "cleo")
DESK = """
    import hashlib, io, json, sys
    from egress_review.bootstrap.commands import place_here, start
    ports = start(place_here())
    from egress_review.application import drafts, reviewing
    from egress_review.application.acts import By
    from egress_review.application.downloads import open_download
    from egress_review.domain.parties import Actor, ActorKind, as_person
    from tidegate.model import PersonRef, utc_now
    def by(who): return By(as_person(PersonRef(subject=who)), utc_now())
    def workspace(who): return By(Actor(ActorKind.WORKSPACE, PersonRef(subject=who), PROJECT), utc_now())
    def upload(made, name, content):
        sent = drafts.Upload(name, io.BytesIO(content), hashlib.sha256(content).hexdigest())
        drafts.add_file(ports, made.id, workspace("rosa"), sent)
    def review(request, who):
        claimed = reviewing.claim(ports, request, by(who))
        reviewing.vote(ports, request, by(who), {file.name: "approve" for file in claimed.outputs})
        return reviewing.submit_review(ports, request, by(who), "")
    def tell(request):
        found = ports.requests.load(request)
        told = {"status": found.status, "error": found.job.error, "files": [f.name for f in found.outputs]}
        print(json.dumps({**told, "findings": [one.code for f in found.files for one in f.findings]}))
"""
ASK = """
    fields = ("purpose", "audience", "row_meaning", "smallest_count", "control", "code")
    texts = dict.fromkeys(fields, "As in the test.")
    made = drafts.create_draft(ports, PROJECT, workspace("rosa"), texts)
    upload(made, "table.csv", f"group,n\\ncases,120\\nrun {PROJECT},200\\n".encode())
    from egress_review.bootstrap.selftest import picture
    upload(made, "figure.png", picture("PNG"))
    drafts.submit(ports, made.id, by("rosa"))
    print(made.id)
"""
FETCH = """
    found = ports.requests.load(REQUEST)
    for file in found.outputs:
        got = b"".join(open_download(ports, REQUEST, by("rosa"), file.name, utc_now).chunks)
        assert hashlib.sha256(got).hexdigest() == file.sanitised
    print(len(found.outputs))
"""


@pytest.fixture(scope="module")
def live(cluster: Cluster) -> Iterator[Live]:
    made = Live(cluster, f"r{secrets.token_hex(4)}")
    database = Database(lambda: door("tidegate_governance"))
    accounts = PostgresAccounts(PostgresLedger(database, "governance"))
    for name in PEOPLE:
        who = Account(person=PersonRef(subject=name), display_name=name, password_hash="x")
        if accounts.account(name) is None:
            record = Record(event=Event.ACCOUNT_ADDED, actor=Actor.service("test"), subject=f"account/{name}")
            accounts.put_account(who, record, now())
    database.close()
    made.register()
    made.write(*(grant(f"{made.name}-{name}", person=name, role="output-checker") for name in PEOPLE[1:]))
    made.deployed()
    yield made
    made.close()


def at_the_desk(live: Live, script: str, request: str = "") -> str:
    """What a script prints in the review pod."""
    names = f"PROJECT, REQUEST = {live.name!r}, {request!r}\n"
    code = names + textwrap.dedent(DESK) + textwrap.dedent(script)
    command = ("exec", "-n", NAMESPACE, "deploy/tidegate-egress", "-c", "egress", "--", "python", "-c", code)
    return live.cluster.kubectl(*command, seconds=120).strip().splitlines()[-1]


def state(live: Live, request: str) -> dict[str, Any]:
    return dict(json.loads(at_the_desk(live, "tell(REQUEST)", request)))


def kill(live: Live, component: str) -> None:
    label = f"--selector=app.kubernetes.io/component={component}"
    live.cluster.kubectl("delete", "pods", "-n", NAMESPACE, label, "--grace-period=0", "--force")
    live.cluster.kubectl("rollout", "status", "-n", NAMESPACE, f"deploy/tidegate-{component}", "--timeout=120s")


def until(live: Live, request: str, status: str) -> None:
    eventually(f"{status}, not {state(live, request)}", lambda: state(live, request)["status"] == status, 180, 2.0)


@pytest.mark.timeout(900)
def test_a_request_is_reviewed_and_fetched_though_every_part_was_killed(live: Live) -> None:
    kill(live, "scan")
    request = at_the_desk(live, ASK)
    kill(live, "egress-worker")
    until(live, request, "submitted")
    at_the_desk(live, 'print(review(REQUEST, "chidi").status)', request)
    kill(live, "egress")
    assert at_the_desk(live, 'print(review(REQUEST, "cleo").status)', request) == "reviewed"
    at_the_desk(live, 'print(reviewing.approve(ports, REQUEST, by("chidi")).status)', request)
    kill(live, "egress-worker")
    until(live, request, "released")
    assert at_the_desk(live, FETCH, request) == "2"
