"""The first look at every file that wants to leave: what it is, whether all of it was read, and what must not leave.

`runner.scan` is for egress review's scan worker; it starts `child` in a sandbox. All else here is pure: bytes in,
findings out.
"""

from egress_review.checks.answers import ScanResult
from egress_review.checks.finding import Finding
from egress_review.checks.limits import ScanLimits
from egress_review.checks.runner import scan

__all__ = ["Finding", "ScanLimits", "ScanResult", "scan"]
