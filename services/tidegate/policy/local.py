"""Open Policy Agent inside this process; the only place that imports its binding.

An engine of the binding serialises its questions, so each thread has its own. Building one is serialised too: the Go
library is loaded once for the process.
"""

import importlib
import threading
from collections.abc import Mapping
from typing import Any

from tidegate.model import TidegateError
from tidegate.policy.port import ENTRY, Bundle, Point
from tidegate.policy.rules import load_rules, policies_folder

_building = threading.Lock()


class LocalEngine:
    """An `Engine` from one bundle. New licences are a new bundle and a new engine."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._own = threading.local()
        self._engine()

    def evaluate(self, point: Point, payload: Mapping[str, Any]) -> object:
        answer: object = self._engine().eval_document(ENTRY[point], dict(payload))
        return answer

    def _engine(self) -> Any:  # noqa: ANN401 - the binding has no types
        if not hasattr(self._own, "engine"):
            self._own.engine = build(self._bundle)
        return self._own.engine


def build(bundle: Bundle) -> Any:  # noqa: ANN401 - the binding has no types
    """A filled engine of the binding; tests of the Rego run on it directly.

    Raises:
        TidegateError: ``opa_wheel_missing``, or ``policy_rules_invalid`` where the Rego does not compile.
    """
    binding = _binding()
    with _building:
        engine = binding.OpaEngine()
        try:
            for name, source in sorted(bundle.modules.items()):
                engine.add_policy(name, source)
            engine.add_data(dict(bundle.data))
            engine.eval_document("version")  # compiles: adding only parses
        except binding.OpaError as error:
            raise TidegateError(
                "policy_rules_invalid",
                f"The policy rules do not compile: {error}.",
                "Install Tidegate again, or undo the change to the policies; nothing is allowed until they compile.",
            ) from error
    return engine


def check_engine() -> None:
    """For `tidegate doctor`: the engine loads and the shipped rules compile in it.

    Raises:
        TidegateError: ``policies_missing``, ``policy_rules_invalid`` or ``opa_wheel_missing``.
    """
    rules = load_rules(policies_folder())
    build(Bundle(rules.modules, {**rules.data, "version": rules.version}, rules.version, ""))


def _binding() -> Any:  # noqa: ANN401 - the binding has no types
    try:
        return importlib.import_module("opa_bindings")
    except (ImportError, OSError) as error:
        raise TidegateError(
            "opa_wheel_missing",
            "Open Policy Agent cannot be loaded: the Python package opa-golib-python-bindings is missing or not made "
            "for this machine (it needs x86-64 Linux with glibc 2.34 or later).",
            "Run 'make setup', which installs the locked wheel; nothing is allowed without it.",
        ) from error
