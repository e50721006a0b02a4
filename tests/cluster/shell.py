"""Runs short commands for the test cluster, with their output as text; a failure says what was run and what it said."""

import os
import subprocess

from tidegate.model import TidegateError

ENOUGH_SECONDS = 300


def run(*command: str, text: str = "", seconds: float = ENOUGH_SECONDS, network: str = "") -> str:
    """What it printed. `network` is the network namespace to run it in.

    Raises:
        TidegateError: ``command_failed``, with the command and its error output.
    """
    done = attempt(*command, text=text, seconds=seconds, network=network)
    if done.returncode != 0:
        raise TidegateError(
            "command_failed", f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout}"
        )
    return done.stdout


def attempt(
    *command: str, text: str = "", seconds: float = ENOUGH_SECONDS, network: str = ""
) -> "subprocess.CompletedProcess[str]":
    """The same, whatever its exit code."""
    inside = ("nsenter", f"--net=/run/netns/{network}", "--") if network else ()
    return subprocess.run(
        (*inside, *command), input=text, capture_output=True, text=True, check=False, timeout=seconds, env=os.environ
    )


def answers(*command: str) -> bool:
    return attempt(*command, seconds=20).returncode == 0
