"""Decisions a second through the whole of `Policy.decide`, as a ratio to plain Python looking at the same question.

The baseline is what a service without a policy engine would do: the same checks by hand on the same parsed question.
Both run in this process, in turn, several times; the best run of each counts.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from policy_kit import NOW, PROJECT, ROSA, world
from tidegate.policy import open_policy, workspace_start
from tidegate.policy.envelope import StartQuestion

SECONDS = 1.0
ROUNDS = 3
TARGET = 200.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = world(Path(folder))
        policy = open_policy(store)
        question = workspace_start(store, PROJECT, ROSA, NOW)
        if not (policy.decide("workspace.start", question, NOW).allowed and by_hand(question)):
            sys.exit("The question of the benchmark was refused, so its rate would mean nothing.")
        decided, times = best(lambda: policy.decide("workspace.start", question, NOW))
        plain, _ = best(lambda: by_hand(question))
        built, _ = best(lambda: workspace_start(store, PROJECT, ROSA, NOW))
    print("decisions: workspace.start, one thread, in process")
    print(f"  decide                   {decided:10.0f} a second   {decided / TARGET:8.1f} x the target of 200")
    half, most = times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3
    print(f"  p50, p99                 {half:10.2f} ms, {most:.2f} ms")
    print(f"  plain Python by hand     {plain:10.0f} a second   decide / by hand = {decided / plain:.4f}")
    print(f"  question from the store  {built:10.0f} a second   built / by hand  = {built / plain:.4f}")


def best(call: Callable[[], object]) -> tuple[float, list[float]]:
    """Calls a second in the best of some rounds, and every call's time, shortest first."""
    rates, times = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        done = 0
        while time.perf_counter() - begun < SECONDS:
            at = time.perf_counter()
            call()
            times.append(time.perf_counter() - at)
            done += 1
        rates.append(done / (time.perf_counter() - begun))
    return max(rates), sorted(times)


def by_hand(question: StartQuestion) -> bool:
    """The same facts without rules, licences or reasons: a lower bound of the work."""
    now = question.now
    project, subject = question.project, question.subject
    grants = [g for g in subject.grants if g.person == subject.person and g.project == project.name]
    live = any(g.since <= now < g.until and (g.training_until is None or now < g.training_until) for g in grants)
    approved = any(
        a.verdict == "approve" and a.digest == project.digest and a.by not in {project.requester, project.lead}
        for a in project.approvals
    )
    tiers = all(d.registered and d.tier is not None and d.tier <= project.tier for d in question.datasets)
    return live and approved and tiers and now < project.ends and project.stage == "submitted"


if __name__ == "__main__":
    main()
