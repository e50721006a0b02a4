"""Licence terms decide who may start what, until when, and what may leave. Every service asks here.

`open_policy(store)` gives a `Policy` that decides in process, `open_server_policy(store, url, token_file)` one that
asks the OPA server beside the service; build the question with `project_approve`, `workspace_start` or
`egress_release`, and ask with `Policy.decide`, which never raises.
"""

from tidegate.policy.codes import Code, Meaning, explain, sentences
from tidegate.policy.envelope import Envelope, ReleasedFile, ReleaseFacts
from tidegate.policy.failclosed import Policy
from tidegate.policy.opening import open_policy, open_server_policy
from tidegate.policy.port import Bundle, Engine, Point, Register
from tidegate.policy.questions import egress_release, project_approve, workspace_start

__all__ = [
    "Bundle",
    "Code",
    "Engine",
    "Envelope",
    "Meaning",
    "Point",
    "Policy",
    "Register",
    "ReleaseFacts",
    "ReleasedFile",
    "egress_release",
    "explain",
    "open_policy",
    "open_server_policy",
    "project_approve",
    "sentences",
    "workspace_start",
]
