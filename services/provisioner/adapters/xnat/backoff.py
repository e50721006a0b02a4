"""How long to wait before asking a struggling server again, and how often."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioner.domain.transfer import Code


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits of `first`, twice that, ..., at most `longest` seconds, each shortened by chance so clients spread out.

    What `tries` does not name is asked once. A refused login is not named: a strict server locks the account soon.
    """

    first: float = 0.5
    longest: float = 30.0
    sleep: Callable[[float], object] = time.sleep
    chance: Callable[[], float] = random.random
    tries: dict[Code, int] = field(
        default_factory=lambda: {
            Code.XNAT_UNREACHABLE: 5,
            Code.LENGTH_WRONG: 3,
            Code.DIGEST_WRONG: 2,
            Code.DIGEST_MISSING: 2,
            Code.XNAT_ANSWERED_HTML: 2,
        }
    )

    def may_retry(self, code: Code, failed: int) -> bool:
        """Whether after `failed` failures with this code it is worth asking again."""
        return failed < self.tries.get(code, 1)

    def wait(self, failed: int) -> None:
        span = min(self.longest, self.first * 2 ** (failed - 1))
        self.sleep(span * (0.5 + self.chance() / 2))
