"""Alias tokens: as the sample server gives them out and takes them back, and as the provisioner asks for them."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from provisioner.adapters.xnat.listing import Credentials
from provisioner.adapters.xnat.tokens import REFUSED_SECONDS, XnatTokens
from provisioner.domain.transfer import Code
from sample_xnat.faults import FaultKind
from sample_xnat.server import SampleXnat
from sample_xnat.tokens import PLACE, TWO_DAYS, AliasTokens
from tidegate.model import TidegateError
from xnat_kit import ACCOUNT, ALIAS, PASSWORD, USER, plan_of, pull, some_files, source, tree_of

PULLER = Credentials(USER, PASSWORD)


@pytest.fixture
def server() -> Iterator[SampleXnat]:
    with SampleXnat(tree_of(some_files(3)), ACCOUNT) as running:
        yield running


def ask(server: SampleXnat, path: str, user: str = USER, password: str = PASSWORD) -> httpx2.Response:
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"} if user else {}
    return httpx2.get(f"{server.url}{PLACE}{path}", headers=headers, trust_env=False)


def logins(server: SampleXnat) -> int:
    return len([a for a in server.asked if (a.method, a.path) == ("PUT", "/data/services/auth")])


def code_of(call: Any) -> str:
    with pytest.raises(TidegateError) as raised:
        call()
    assert PASSWORD not in f"{raised.value}{raised.value.__cause__}"
    return raised.value.code


# The sample server.


def test_a_token_says_of_itself_what_xnats_does(server: SampleXnat) -> None:
    token = ask(server, "issue").json()
    assert set(token) == {
        *("alias", "secret", "xdatUserId", "singleUse", "enabled", "disabled", "id"),
        *("created", "timestamp", "estimatedExpirationTime"),
    }
    assert token["xdatUserId"] == USER
    assert token["estimatedExpirationTime"] - token["created"] == TWO_DAYS * 1000
    assert ask(server, f"validate/{token['alias']}/{token['secret']}").json() == {"valid": USER}
    assert ask(server, f"validate/{token['alias']}/another").json() == {"valid": None}
    assert {each["alias"] for each in ask(server, "show").json()} == {ALIAS, token["alias"]}


@pytest.mark.parametrize("way", ["alias", "id", "with the secret"])
def test_a_token_is_taken_back_by_its_owner_or_by_itself(server: SampleXnat, way: str) -> None:
    token = ask(server, "issue").json()
    named = {"alias": token["alias"], "id": token["id"], "with the secret": f"{token['alias']}/{token['secret']}"}[way]
    assert ask(server, f"invalidate/{named}", token["alias"], token["secret"]).json() == {"result": "OK"}
    assert ask(server, f"invalidate/{named}").status_code == 404
    assert ask(server, "show", token["alias"], token["secret"]).status_code == 401


def test_nobody_has_tokens_of_others(server: SampleXnat) -> None:
    strange = server.logins.tokens.issue("somebody")
    assert ask(server, f"invalidate/{strange.alias}").status_code == 403
    assert ask(server, "issue/user/somebody").status_code == 403
    assert ask(server, f"issue/user/{USER}").status_code == 200
    assert ask(server, "issue", user="").status_code == 401
    for path in ("", "mint", "validate/x", f"invalidate/{strange.alias}/a/b"):
        assert ask(server, path).status_code == 404


def test_a_token_ends_by_itself() -> None:
    now = [0.0]
    tokens = AliasTokens({}, USER, lambda: now[0])
    made = tokens.issue(USER)
    now[0] = TWO_DAYS - 1
    assert tokens.user_of(made.alias, made.secret) == USER
    now[0] = TWO_DAYS
    assert tokens.user_of(made.alias, made.secret) is None
    assert made.secret not in repr(made)


# The provisioner.


def test_a_pull_runs_by_a_token_of_its_own_until_it_is_taken_back(server: SampleXnat, tmp_path: Path) -> None:
    tokens = XnatTokens()
    token = tokens.issue(server.url, PULLER)
    assert token.user not in {USER, ALIAS}
    plan = plan_of(server)
    assert len(pull(plan, tmp_path / "a", source(token.user, token.password)).files) == 3
    tokens.take_back(server.url, PULLER, token.user)
    assert code_of(lambda: pull(plan, tmp_path / "b", source(token.user, token.password))) == Code.XNAT_LOGIN_REFUSED
    tokens.take_back(server.url, PULLER, token.user)  # gone already
    assert server.logins.open_sessions() == 0, "an XNAT takes a thousand sessions and no more"
    assert token.password not in repr(token)


def test_a_refused_password_is_not_sent_again_until_it_changes_or_a_quarter_of_an_hour_is_over(
    server: SampleXnat,
) -> None:
    now = [0.0]
    tokens = XnatTokens(clock=lambda: now[0])
    wrong = Credentials(USER, "wrong horse")
    for _ in range(5):
        assert code_of(lambda: tokens.issue(server.url, wrong)) == Code.XNAT_LOGIN_REFUSED
    assert logins(server) == 1
    assert tokens.issue(server.url, PULLER).user, "it was changed"
    now[0] = REFUSED_SECONDS
    assert code_of(lambda: tokens.issue(server.url, wrong)) == Code.XNAT_LOGIN_REFUSED
    assert logins(server) == 3
    assert "horse" not in repr(tokens)


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("tokens", FaultKind.UNAVAILABLE, Code.XNAT_UNREACHABLE),
        ("tokens", FaultKind.DROPPED, Code.XNAT_UNREACHABLE),
        ("tokens", FaultKind.HTML_LOGIN_PAGE, Code.XNAT_ANSWERED_HTML),
        ("/data/services/auth", FaultKind.DROPPED, Code.XNAT_UNREACHABLE),
    ],
)
def test_an_ill_server_gives_no_token_and_says_no_address_of_one(
    server: SampleXnat, path: str, kind: FaultKind, code: Code
) -> None:
    server.faults.add(path, kind)
    assert code_of(lambda: XnatTokens().issue(server.url, PULLER)) == code
    with pytest.raises(TidegateError) as raised:
        XnatTokens().take_back(server.url, PULLER, "an-alias")
    assert "an-alias" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    "said", ["[]", "{}", '{"alias": "a"}', '{"alias": "a", "secret": ""}', '{"alias": 1, "secret": "x"}']
)
def test_what_is_no_token_is_none(server: SampleXnat, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr("sample_xnat.tokens.AliasToken.shown", lambda _self: json.loads(said))
    assert code_of(lambda: XnatTokens().issue(server.url, PULLER)) == Code.XNAT_ANSWER_UNREADABLE
