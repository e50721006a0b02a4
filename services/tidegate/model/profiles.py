"""On what workspaces can run here: profiles, one of which a project's spec names.

The chart's values list them; one machine has `standard` alone. Asked by `tidegate apply` where it knows the list, by
the provisioner for a project's condition and its quota, and by the hub before it makes a pod.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from tidegate.model.errors import ExitCode, TidegateError
from tidegate.model.names import Frozen, ProfileName
from tidegate.model.project import STANDARD, Resources


class Most(Frozen):
    """What one person's workspace may have at most: `cpus` in cores, memory in MiB, whole GPUs."""

    cpus: Annotated[float, Field(gt=0)] = 64
    memory_mib: Annotated[int, Field(ge=256)] = 1_048_576
    gpus: Annotated[int, Field(ge=0)] = 0


class Profile(Frozen):
    """One kind of workspace.

    image: of the researcher's tools, by digest; empty on one machine, which has none.
    node_selector, tolerations, runtime_class: where its pods may run and by what; put into them as they are.
    gpu_resource: by which name the cluster hands out its GPUs, for example ``nvidia.com/gpu``; empty where it has none.
    """

    name: ProfileName
    image: str = ""
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = ()
    runtime_class: str = ""
    gpu_resource: str = ""
    most: Most = Most()


ONE_MACHINE: Final = (Profile(name=STANDARD),)


def offered(resources: Resources, profiles: Sequence[Profile]) -> Profile:
    """The profile that was asked for.

    Raises:
        TidegateError: ``profile_unknown``, or ``profile_exceeded`` where it does not give as much.
    """
    profile = find(resources.profile, profiles)
    if profile is None:
        raise TidegateError(
            "profile_unknown",
            f"There is no profile {resources.profile} here; there is {', '.join(sorted(p.name for p in profiles))}.",
            "Name another in spec.resources.profile; which there are is the operator's choice.",
            ExitCode.USAGE,
        )
    if too_much := [said for said, asked, most in _rows(resources, profile) if asked > most]:
        raise TidegateError(
            "profile_exceeded",
            f"The profile {profile.name} gives a workspace {', '.join(too_much)}; the project asks for more.",
            "Lower what spec.resources asks for, or name a larger profile.",
            ExitCode.USAGE,
        )
    return profile


def find(name: str, profiles: Sequence[Profile]) -> Profile | None:
    """The profile of that name, if there is one."""
    return next((profile for profile in profiles if profile.name == name), None)


def _rows(resources: Resources, profile: Profile) -> tuple[tuple[str, float, float], ...]:
    """Of each amount: how the bound is said, what is asked for, and the bound."""
    most = profile.most
    gpus = most.gpus if profile.gpu_resource else 0
    return (
        (f"at most {most.cpus:g} cores", resources.cpus, most.cpus),
        (f"at most {most.memory_mib} MiB of memory", resources.memory_mib, most.memory_mib),
        (f"at most {gpus} GPU" if gpus else "no GPU", resources.gpu, gpus),
    )
