"""`open_policy` and `open_server_policy`: the policy of one store. Called by each service as it starts.

In process, the bundle follows the licences of the store: whenever the store has been written to, they are read again,
and a new engine is built when they are not the same. A server has its bundle from the provisioner; here the licences of
the store say which bundle that has to be.
"""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Final

from tidegate.model import Kind, Licence
from tidegate.policy.compiler import compile_licences
from tidegate.policy.failclosed import Policy
from tidegate.policy.local import LocalEngine
from tidegate.policy.port import Bundle, Register
from tidegate.policy.rules import Rules, load_rules, policies_folder
from tidegate.policy.server import ServerEngine

STALE_AFTER: Final = timedelta(hours=1)


def open_policy(store: Register) -> Policy:
    """The policy that decides from this store's licences.

    Raises:
        TidegateError: ``policies_missing``, ``policy_rules_invalid`` or ``opa_wheel_missing``: at the start, when a
            person is there to read it, and not only at the first question.
    """
    bundles = Bundles(load_rules(policies_folder()), store)
    LocalEngine(bundles.now())
    return Policy(LocalEngine, bundles.now)


def open_server_policy(store: Register, url: str, token_file: Path, *, stale_after: timedelta = STALE_AFTER) -> Policy:
    """The policy as the OPA server beside this service decides it, for this store's licences.

    The server may start later than the service: until it answers, every decision is ``policy_unavailable``.

    Args:
        store: where licences are read from; the server must decide from the same ones, else ``policy_stale``.
        url: of the server, ``http://127.0.0.1:8181``; loopback only.
        token_file: the bearer token the server asks for; read anew for each question, so it may be replaced.
        stale_after: a bundle published longer ago than this does not count.

    Raises:
        TidegateError: ``policies_missing``, ``policy_server_address``, ``policy_token_missing`` or
            ``policy_client_missing``.
    """
    bundles = Bundles(load_rules(policies_folder()), store)
    engine = ServerEngine(url, token_file, stale_after)
    return Policy(lambda _: engine, bundles.now)


class Bundles:
    """The bundle for the licences in the store at the moment of asking."""

    def __init__(self, rules: Rules, store: Register) -> None:
        self._rules = rules
        self._store = store
        self._lock = threading.Lock()
        self._seen: tuple[int, Bundle] | None = None

    def now(self) -> Bundle:
        # The count is read first: a write in between is then seen the next time.
        generation = self._store.generation()
        with self._lock:
            if self._seen is None or self._seen[0] != generation:
                self._seen = (generation, self._compile())
            return self._seen[1]

    def _compile(self) -> Bundle:
        licences = [item for item in self._store.list(Kind.LICENCE) if isinstance(item, Licence)]
        compiled, revision = compile_licences(licences)
        data = {**self._rules.data, "licences": compiled, "version": self._rules.version, "revision": revision}
        return Bundle(self._rules.modules, data, self._rules.version, revision)
