"""The hub's spawner on Kubernetes: asks whether the person may, then makes the pod in the project's own namespace.

KubeSpawner watches, creates and deletes; what is created is `pod.workspace_manifest` and nothing of its many settings.
Name, namespace and address follow from person and project alone, so neither a request, nor an option, nor what an
earlier run left in the hub's database can send a workspace elsewhere. No volume and no namespace is made here.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Final

from aiohttp import ClientError
from kubernetes_asyncio.client import ApiException, V1ObjectMeta, V1Pod
from kubespawner import KubeSpawner

from tidegate.cluster.names import SESSION_PORT, WORKSPACE, namespace_of, workspace_pod
from tidegate.model import ExitCode, PersonRef, TidegateError, utc_now
from workspace.hub.admission import Admission
from workspace.hub.inside import NOT_PASSED_ON, session_environment
from workspace.hub.kubernetes.pod import GRACE_SECONDS, workspace_manifest
from workspace.hub.kubernetes.settings import KubernetesSettings
from workspace.hub.kubernetes.troubles import (
    SILENT,
    SLOW,
    STEPS,
    Trouble,
    trouble_of_answer,
    trouble_of_event,
    trouble_of_pod,
)
from workspace.hub.refusals import refusal
from workspace.hub.site import Site

# The hub gives up after `start_timeout`; the reason must have been found before.
MARGIN_SECONDS: Final = 5
BETWEEN_LOOKS: Final = 0.5
ENDED: Final = 1
OVER: Final = frozenset({"Failed", "Succeeded"})
# KubeSpawner names an image nobody chose.
NEVER_PASSED_ON: Final = NOT_PASSED_ON | {"JUPYTER_IMAGE", "JUPYTER_IMAGE_SPEC"}
Say = dict[str, Any]
Pod = Mapping[str, Any]


class QuietPod(V1Pod):  # type: ignore[misc]  # the library carries no types
    """KubeSpawner logs a pod that was refused; ours carries the session's token in its environment."""

    def to_str(self) -> str:
        return f"pod {self.metadata.name}"

    __repr__ = to_str


class WorkspaceSpawner(KubeSpawner):  # type: ignore[misc]  # as above
    """`site`, `settings` and `intake_url` are set by the wiring before the first instance is made."""

    site: ClassVar[Site]
    settings: ClassVar[KubernetesSettings]
    intake_url: ClassVar[str]
    reflectors: ClassVar[dict[tuple[Any, ...], Any]] = {}
    watching: ClassVar[defaultdict[tuple[Any, ...], asyncio.Lock]] = defaultdict(asyncio.Lock)

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - the hub's traits
        super().__init__(*args, **options)
        self._said: list[Say] = []
        self._admission: Admission | None = None
        self._start_future: asyncio.Future[str] | None = None
        self._before = ""
        self._ran = False
        self._settle()

    def _settle(self) -> None:
        """Where this person's workspace of this project is, and nowhere else."""
        self.namespace = namespace_of(self.name)
        self.pod_name = workspace_pod(PersonRef(subject=self.user.name))
        self.dns_name = f"{self.pod_name}.{self.namespace}"
        self.port = SESSION_PORT
        self.component_label = WORKSPACE
        self.delete_grace_period = GRACE_SECONDS
        self.delete_stopped_pods = False

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._settle()

    def clear_state(self) -> None:
        """Called before each start: what an earlier one said is nobody's progress now."""
        super().clear_state()
        self._settle()
        self._said, self._start_future, self._ran = [], None, False

    async def _start(self) -> str:
        self._say(5, "Checking your grant")
        try:
            self._admission = await self._admitted()
            self._say(20, "Asking for a machine")
            url = await self._made()
            self._ran = True
            await asyncio.to_thread(self.site.started, self._admission, utc_now())
        except TidegateError as error:
            raise refusal(error) from error
        self._say(95, "Opening your workspace")
        return url

    async def _admitted(self) -> Admission:
        if self.user_options:
            await self._forget_options()
            error = TidegateError(
                "options_refused",
                "A workspace is what its project was approved for; nothing can be chosen when it is started.",
                "Open it from the start page.",
                ExitCode.DENIED,
            )
            await asyncio.to_thread(self.site.refused, self.name, self.user.name, error, utc_now())
            raise error
        return await asyncio.to_thread(self.site.admit, self.name, self.user.name, utc_now())

    async def _forget_options(self) -> None:
        """Else the hub would bring them up again at the next start, which the person did not change."""
        self.user_options: dict[str, Any] = {}
        self.orm_spawner.user_options = {}

    async def _made(self) -> str:
        """The pod's address once it runs; else the reason, recorded."""
        try:
            await self._start_watching_pods()
            self._before = _uid(self._pod())
            return await self._before_the_hub_gives_up(asyncio.ensure_future(super()._start()))
        except TidegateError as error:
            await asyncio.to_thread(self.site.refused, self.name, self.user.name, error, utc_now())
            raise
        except ApiException as error:
            reason = trouble_of_answer(error.status or 0, str(error.body))
        except (ClientError, TimeoutError):
            reason = SILENT
        await asyncio.to_thread(self.site.refused, self.name, self.user.name, reason.error(), utc_now())
        raise reason.error()

    async def _before_the_hub_gives_up(self, started: asyncio.Future[str]) -> str:
        hopeless = asyncio.ensure_future(self._hopeless())
        try:
            limit = self.start_timeout - MARGIN_SECONDS
            await asyncio.wait((started, hopeless), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if started.done():
                return started.result()
            raise (hopeless.result() if hopeless.done() else self._trouble() or SLOW).error()
        finally:
            started.cancel()
            hopeless.cancel()

    async def _hopeless(self) -> Trouble:
        """Returns once waiting will not help any more; tells the person what is done and what is wrong meanwhile."""
        told: Trouble | None = None
        seen = 0
        while True:
            events = self._own_events()
            for event in events[seen:]:
                self._tell(event)
            seen = len(events)
            trouble = self._trouble()
            if trouble is not None and trouble.hopeless:
                return trouble
            if trouble is not None and trouble != told:
                self._say(None, trouble.sentence)
            told = trouble
            await asyncio.sleep(BETWEEN_LOOKS)

    def _trouble(self) -> Trouble | None:
        """From the pod's own status, else from the last of its events that was no good news."""
        pod = self._made_pod()
        if pod is None:
            return None
        trouble = trouble_of_pod(pod)
        if trouble is not None or _phase(pod) == "Running":
            return trouble
        return next(filter(None, map(trouble_of_event, reversed(self._own_events()))), None)

    def _pod(self) -> Pod | None:
        reflector = self.pod_reflector
        return reflector.pods.get(f"{self.namespace}/{self.pod_name}") if reflector else None

    def _made_pod(self) -> Pod | None:
        """The pod of this start, not the one that stood there before."""
        pod = self._pod()
        return None if _uid(pod) == self._before else pod

    def _own_events(self) -> list[Pod]:
        uid = _uid(self._made_pod())
        return [event for event in self.events if uid and event["involvedObject"].get("uid") == uid]

    async def get_pod_manifest(self) -> QuietPod:
        """What KubeSpawner creates. It is asked for in the middle of its `_start`, after our admission."""
        if self._admission is None:
            raise TidegateError("workspace_not_admitted", "A workspace is not made without an admission.")
        manifest = workspace_manifest(self.settings, self._admission, self._environment(self._admission), utc_now())
        metadata = manifest["metadata"]
        if (metadata["namespace"], metadata["name"]) != (self.namespace, self.pod_name):
            raise TidegateError("workspace_elsewhere", "The workspace would be made in another place than its own.")
        return QuietPod("v1", "Pod", V1ObjectMeta(**metadata), manifest["spec"])

    def _environment(self, admission: Admission) -> dict[str, str]:
        own = {name: value for name, value in self.get_env().items() if name not in NEVER_PASSED_ON}
        return {**own, **session_environment(self.settings, self.intake_url, admission)}

    async def stop(self, now: bool = False) -> None:  # noqa: FBT001, FBT002 - the hub's signature
        await self._stop("asked", now=now)

    async def _stop(self, why: str, *, now: bool) -> None:
        """First it ends, then that is recorded: no database keeps a workspace open."""
        if not self.name:
            return
        await self._start_watching_pods()
        there = self._pod() is not None or self._ran
        await super().stop(now)
        self._ran = False
        if there:
            await asyncio.to_thread(self.site.stopped, self.name, self.user.name, why, utc_now())

    async def poll(self) -> int | None:
        """None while it runs. An API that does not answer says nothing of what runs, and all of that goes on."""
        if not self.name:
            return ENDED
        try:
            await self._start_watching_pods()
            status: int | None = await super().poll()
        except (ApiException, ClientError, TimeoutError) as error:
            self.log.warning("Whether %s runs is not known: %s", self.pod_name, type(error).__name__)
            return None
        pod = self._pod()
        over = status is not None or _phase(pod) in OVER
        if over and not self._start_pending:
            # The deadline, a crash, or somebody's deletion.
            await self._stop("ended by itself", now=True)
            return status or ENDED
        self._ran = self._ran or not over
        return status

    async def _start_reflector(self, kind: str, reflector_class: type, replace: bool = False, **options: Any) -> Any:  # noqa: ANN401, FBT001, FBT002 - KubeSpawner's signature
        """A watch that gave up, as it does after a minute without the API server, is begun anew."""
        key = self._get_reflector_key(kind)
        async with self.watching[key]:
            known = self.__class__.reflectors.get(key)
            ended = known is not None and (known.watch_task is None or known.watch_task.done())
            return await super()._start_reflector(kind, reflector_class, replace or ended, **options)

    async def progress(self) -> AsyncIterator[Say]:
        """What is being done and what stands in the way, in our words."""
        sent = 0
        while True:
            ended = self._start_future is not None and self._start_future.done()
            for said in self._said[sent:]:
                yield said
            sent = len(self._said)
            if ended:
                return
            await asyncio.sleep(BETWEEN_LOOKS)

    def _tell(self, event: Pod) -> None:
        self.log.info("%s: %s %s", self.pod_name, event.get("reason"), event.get("message"))
        step = STEPS.get(str(event.get("reason")))
        if step is not None:
            self._say(*step)

    def _say(self, progress: int | None, message: str) -> None:
        self._said.append({"message": message, **({} if progress is None else {"progress": progress})})


def _uid(pod: Pod | None) -> str:
    return str(pod["metadata"].get("uid", "")) if pod else ""


def _phase(pod: Pod | None) -> str:
    return str(pod["status"].get("phase", "")) if pod else ""
