"""The names of XNAT servers for a pull job's `/etc/hosts`: a project has no DNS. Used when the job is made."""

import ipaddress
from collections.abc import Callable, Iterable

from provisioner.adapters.kubernetes.addresses import archive_of
from tidegate.model import Dataset, TidegateError

Resolve = Callable[[str], tuple[str, ...]]


def aliases_of(datasets: Iterable[Dataset], resolve: Resolve) -> tuple[tuple[str, str], ...]:
    """Address and name of each server that goes by a name, one address each: the lowest, so the answer is the same.

    Raises:
        TidegateError: ``XNAT_UNKNOWN_HOST``.
    """
    hosts = sorted({archive_of(dataset.spec.xnat.server)[0] for dataset in datasets})
    return tuple((_first(host, resolve), host) for host in hosts if not _is_address(host))


def _first(host: str, resolve: Resolve) -> str:
    try:
        return min(resolve(host))
    except (OSError, ValueError):
        raise TidegateError(
            "XNAT_UNKNOWN_HOST",
            f"The name of the XNAT server {host} leads nowhere.",
            "Check the server's address in the Dataset, and the cluster's DNS.",
        ) from None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
