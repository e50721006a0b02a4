"""Gives a command the options that name a Tidegate, once for all commands that speak to one."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar

from tidegate.cli.session import (
    DEFAULT_SECRETS,
    DEFAULT_STATE,
    ContextOption,
    KubeconfigOption,
    Place,
    SecretsOption,
    StateOption,
)

R = TypeVar("R")


def placed(command: Callable[..., R]) -> Callable[..., R]:
    """The command with `--state`, `--kubeconfig`, `--context` and `--secrets` where it takes `place`."""

    @functools.wraps(command)
    def run(**given: Any) -> R:  # noqa: ANN401 - whatever typer has parsed
        named = {name: given.pop(name) for name in _OPTIONS}
        return command(place=_place(**named), **given)

    signature = inspect.signature(command)
    own = [each.replace(kind=each.KEYWORD_ONLY) for each in signature.parameters.values() if each.name != "place"]
    # typer reads a command's options from its signature.
    run.__signature__ = signature.replace(parameters=[*own, *_OPTIONS.values()])  # type: ignore[attr-defined]
    return run


def _place(
    *,
    state: StateOption = DEFAULT_STATE,
    kubeconfig: KubeconfigOption = None,
    context: ContextOption = None,
    secrets: SecretsOption = DEFAULT_SECRETS,
) -> Place:
    return Place(state, kubeconfig, context, secrets)


_OPTIONS: Final = inspect.signature(_place).parameters
