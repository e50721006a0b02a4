"""Every refusal a person can meet: a stable code, what and where, and what to do about it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line answers to the shell."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DENIED = 3
    NOT_FOUND = 4


class TidegateError(Exception):
    """A refusal in plain words; the command line, pages and logs print it as it stands.

    Attributes:
        code: stable name for programs and support, for example ``xnat_login_refused``.
        sentence: one sentence for the person: what is wrong, and where.
        fix: what to do about it; may be empty where the sentence says it.
        exit_code: what the command line exits with.
    """

    def __init__(self, code: str, sentence: str, fix: str = "", exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(code, sentence, fix)
        self.code = code
        self.sentence = sentence
        self.fix = fix
        self.exit_code = exit_code

    def __str__(self) -> str:
        """The line a person reads."""
        return " ".join(part for part in (f"{self.sentence}", self.fix, f"[{self.code}]") if part)
