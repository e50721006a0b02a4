"""The client of the Kubernetes API: what it sends, what it makes of answers, and what it never sends twice."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from api_kit import Answer, scripted
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.port import Ref, Resource
from tidegate.model import TidegateError

POD = Resource("v1", "Pod", "pods")
POLICY = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
NAMESPACE = Resource("v1", "Namespace", "namespaces", namespaced=False)
SECRET = Resource("v1", "Secret", "secrets")
MANIFEST = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "tg-a"}}
REF = Ref(POD, "p", "tg-a")

WRITES: dict[str, Callable[[ClusterClient], Any]] = {
    "apply": lambda client: client.apply(POD, MANIFEST),
    "create": lambda client: client.create(POD, MANIFEST),
    "replace": lambda client: client.replace(POD, MANIFEST),
    "delete": lambda client: client.delete(REF),
}
READS: dict[str, Callable[[ClusterClient], Any]] = {
    "get": lambda client: client.get(REF),
    "list": lambda client: client.list(POD),
    "logs": lambda client: client.logs("tg-a", "p", "c"),
    "watch": lambda client: list(client.watch(POD)),
}
ALL = {**WRITES, **READS}
EMPTY = {"metadata": {"resourceVersion": "1"}, "items": []}


def code_of(client: ClusterClient, act: Callable[[ClusterClient], Any]) -> str:
    try:
        act(client)
    except TidegateError as error:
        return error.code
    return ""


PATHS = (
    (lambda c: c.get(Ref(NAMESPACE, "tg-a")), "GET", "/api/v1/namespaces/tg-a"),
    (lambda c: c.get(REF), "GET", "/api/v1/namespaces/tg-a/pods/p"),
    (lambda c: c.list(POD), "GET", "/api/v1/pods"),
    (lambda c: c.list(POLICY, "tg-a"), "GET", "/apis/networking.k8s.io/v1/namespaces/tg-a/networkpolicies"),
    (lambda c: c.create(POD, MANIFEST), "POST", "/api/v1/namespaces/tg-a/pods"),
    (lambda c: c.replace(POD, MANIFEST, subresource="status"), "PUT", "/api/v1/namespaces/tg-a/pods/p/status"),
    (lambda c: c.apply(POD, MANIFEST), "PATCH", "/api/v1/namespaces/tg-a/pods/p"),
    (lambda c: c.delete(REF), "DELETE", "/api/v1/namespaces/tg-a/pods/p"),
    (lambda c: c.logs("tg-a", "p", "c"), "GET", "/api/v1/namespaces/tg-a/pods/p/log"),
    (lambda c: c.get(Ref(POD, "../../nodes/n", "tg-a")), "GET", "/api/v1/namespaces/tg-a/pods/..%2F..%2Fnodes%2Fn"),
)


@pytest.mark.parametrize(("act", "method", "path"), PATHS)
def test_each_call_goes_to_its_own_path(act: Callable[[ClusterClient], Any], method: str, path: str) -> None:
    with scripted(Answer(body=EMPTY)) as (client, script):
        act(client)
    assert (script.asked[0].method, script.asked[0].path) == (method, path)


def test_an_apply_is_server_side_and_strict() -> None:
    with scripted(Answer(body=MANIFEST)) as (client, script):
        client.apply(POD, MANIFEST)
        client.apply(POD, MANIFEST, force=True)
    first, second = script.asked
    assert first.headers["Content-Type"] == "application/apply-patch+yaml"
    assert first.query == {"fieldManager": "tidegate", "fieldValidation": "Strict", "force": "false"}
    assert second.query["force"] == "true"
    assert first.body == MANIFEST


@pytest.mark.parametrize("act", [name for name in WRITES if name != "delete"])
def test_a_rehearsal_is_never_stored(act: str) -> None:
    with scripted(Answer(body=MANIFEST)) as (client, script):
        ALL[act](client.rehearsing())
        ALL[act](client.rehearsing().impersonating("u", "g"))
    assert [asked.query["dryRun"] for asked in script.asked] == ["All", "All"]


@pytest.mark.parametrize("act", ALL)
def test_impersonation_is_in_every_call_and_only_where_it_was_asked_for(act: str) -> None:
    with scripted(Answer(body=EMPTY)) as (client, script):
        ALL[act](client.impersonating("tidegate:local:gwen", "tidegate:officers"))
        ALL[act](client)
    assert script.asked[0].headers["Impersonate-User"] == "tidegate:local:gwen"
    assert script.asked[0].headers["Impersonate-Group"] == "tidegate:officers"
    assert not {name for name in script.asked[1].headers if name.startswith("Impersonate")}


def test_a_list_is_read_to_its_last_page_and_items_say_what_they_are() -> None:
    pages = [
        Answer(body={"metadata": {"resourceVersion": "7", "continue": "next"}, "items": [{"metadata": {"name": "a"}}]}),
        Answer(body={"metadata": {"resourceVersion": "7"}, "items": [{"metadata": {"name": "b"}}]}),
    ]
    with scripted(*pages) as (client, script):
        listing = client.listing(POD, "tg-a", {"b": "2", "a": "1"})
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b"]
    assert {(item["apiVersion"], item["kind"]) for item in listing.items} == {("v1", "Pod")}
    assert listing.version == "7"
    assert script.asked[0].query["labelSelector"] == "a=1,b=2"
    assert script.asked[1].query["continue"] == "next"


def test_what_is_not_there_is_none_or_false() -> None:
    with scripted(Answer(404, {"message": "not found"})) as (client, _):
        assert client.get(REF) is None
        assert client.delete(REF) is False


CODES = {
    400: "cluster_invalid",
    401: "cluster_denied",
    403: "cluster_denied",
    409: "cluster_conflict",
    410: "cluster_gone",
    413: "cluster_invalid",
    422: "cluster_invalid",
    500: "cluster_unavailable",
    502: "cluster_unavailable",
    503: "cluster_unavailable",
    504: "cluster_unavailable",
}


@pytest.mark.parametrize(("status", "act"), [(status, act) for status in CODES for act in ALL])
def test_every_refusal_has_a_code_and_the_server_s_words(status: int, act: str) -> None:
    with (
        scripted(Answer(status, {"message": "these are the words"})) as (client, script),
        pytest.raises(TidegateError, match="these are the words") as refused,
    ):
        ALL[act](client)
    assert refused.value.code == CODES[status]
    assert len(script.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[1]", b"\xff\xfe", b"null"])
def test_an_answer_that_is_no_answer_of_kubernetes_is_a_refusal_all_the_same(body: bytes) -> None:
    with scripted(Answer(403, body)) as (client, _):
        assert code_of(client, READS["get"]) == "cluster_denied"


@pytest.mark.parametrize("body", [b"", b"<html>a login page</html>", b"{"])
def test_a_yes_that_cannot_be_read_is_no_yes(body: bytes) -> None:
    with scripted(Answer(200, body)) as (client, _):
        assert code_of(client, READS["get"]) == "cluster_unavailable"


@pytest.mark.parametrize("status", [403, 422])
def test_an_admission_policy_s_sentence_reaches_the_person(status: int) -> None:
    """Whatever its HTTP code: a policy that gives no reason of its own answers 422."""
    words = "pods is forbidden: ValidatingAdmissionPolicy 'pods' with binding 'b' denied request: no_host: No."
    with scripted(Answer(status, {"message": words})) as (client, _), pytest.raises(TidegateError) as refused:
        client.create(POD, MANIFEST)
    assert refused.value.code == "cluster_denied"
    assert refused.value.sentence == "Admission policy pods refused to create Pod tg-a/p: no_host: No."


def test_a_field_the_kind_does_not_have_is_invalid_though_the_server_says_500() -> None:
    words = "failed to create typed patch object: .spec.x: field not declared in schema"
    with scripted(Answer(500, {"message": words})) as (client, _):
        assert code_of(client, WRITES["apply"]) == "cluster_invalid"


def test_a_secret_s_value_is_in_no_error() -> None:
    answer = {
        "message": 'Secret "s" is invalid: data[token]: Invalid value: "hunter2"',
        "reason": "Invalid",
        "details": {"causes": [{"field": "data[token]", "message": 'Invalid value: "hunter2"'}]},
    }
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "tg-a"}}
    with scripted(Answer(422, answer)) as (client, _), pytest.raises(TidegateError) as refused:
        client.create(SECRET, secret)
    assert "hunter2" not in str(refused.value)
    assert "data[token]" in str(refused.value)


@pytest.mark.parametrize("act", ALL)
def test_a_busy_server_is_asked_again_when_it_says(act: str) -> None:
    """429 means: not done. The wait is the server's, but never too long to be told of."""
    busy = [Answer(429, {}, {"Retry-After": "3"}), Answer(429, {}, {"Retry-After": "3600"}), Answer(body=EMPTY)]
    with scripted(*busy) as (client, script):
        ALL[act](client)
    assert script.slept == [3.0, 10.0]
    assert len({asked.path for asked in script.asked}) == 1


def test_a_server_that_stays_busy_is_given_up() -> None:
    with scripted(Answer(429, {})) as (client, script):
        assert code_of(client, WRITES["create"]) == "cluster_unavailable"
    assert len(script.asked) == 4
    assert script.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("act", WRITES)
def test_a_write_is_never_sent_twice_on_a_broken_connection(act: str) -> None:
    """It may have landed."""
    with scripted(None) as (client, script):
        assert code_of(client, WRITES[act]) == "cluster_unavailable"
    assert len(script.asked) == 1


@pytest.mark.parametrize("act", READS)
def test_a_read_is_sent_once_more_on_a_broken_connection(act: str) -> None:
    with scripted(None, Answer(body=EMPTY if act == "list" else b"")) as (client, script):
        code_of(client, READS[act])
    assert len(script.asked) == 2


@pytest.mark.parametrize("act", ALL)
def test_nobody_at_the_address_is_unavailable(act: str) -> None:
    with scripted(Answer()) as (client, _):
        pass
    assert code_of(client, ALL[act]) == "cluster_unavailable"


def test_with_a_uid_only_that_very_object_is_deleted() -> None:
    other = {"metadata": {"uid": "other"}}
    with scripted(Answer(409, {"message": "Precondition failed: UID"}), Answer(body=other)) as (client, script):
        assert client.delete(REF, grace_seconds=2, uid="mine") is False
    assert script.asked[0].body["preconditions"] == {"uid": "mine"}
    assert script.asked[0].body["gracePeriodSeconds"] == 2
    with scripted(Answer(409, {}), Answer(body={"metadata": {"uid": "mine"}})) as (client, _):
        assert code_of(client, lambda c: c.delete(REF, uid="mine")) == "cluster_conflict"


def lines(*events: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(json.dumps({"type": verb, "object": body}).encode() + b"\n" for verb, body in events)


def test_a_watch_tells_changes_and_keeps_bookmarks_to_itself() -> None:
    body = lines(("ADDED", {"n": 1}), ("BOOKMARK", {"n": 2}), ("DELETED", {"n": 3}))
    with scripted(Answer(body=body)) as (client, script):
        assert [change.verb for change in client.watch(POD, "tg-a", "5")] == ["ADDED", "DELETED"]
        assert [change.verb for change in client.follow(POD)] == ["ADDED", "BOOKMARK", "DELETED"]
    assert script.asked[0].query["resourceVersion"] == "5"
    assert "resourceVersion" not in script.asked[1].query


def test_a_watch_of_a_version_that_is_gone_says_so() -> None:
    body = lines(("ERROR", {"code": 410, "message": "too old resource version"}))
    with scripted(Answer(body=body)) as (client, _), pytest.raises(TidegateError, match="cluster_gone"):
        list(client.watch(POD, since="1"))


@pytest.mark.parametrize(
    ("rest", "cut"), [(b'{"type": "ADDED", "obj', True), (b"not json\n", False), (b"[]\n", False), (b"{}\n", False)]
)
def test_a_watch_that_breaks_in_the_middle_is_an_error_not_an_end(rest: bytes, *, cut: bool) -> None:
    """An end says: go on from here. A break says: nobody knows."""
    with scripted(Answer(body=lines(("ADDED", {"n": 1})) + rest, cut=cut)) as (client, _):
        assert code_of(client, READS["watch"]) == "cluster_unavailable"


def test_of_a_long_log_the_end_is_kept() -> None:
    text = b"".join(b"%07d\n" % number for number in range(20_000))
    with scripted(Answer(body=text)) as (client, _):
        kept = client.logs("tg-a", "p", "c")
    assert len(kept) == 64 * 1024
    assert kept.endswith("0019999\n")
