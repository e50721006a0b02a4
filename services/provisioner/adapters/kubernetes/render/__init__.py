"""What a project is on a cluster, as manifests. Pure: no clock, no reads; the same facts give the same manifests."""

from provisioner.adapters.kubernetes.render.addresses import Address, Addresses
from provisioner.adapters.kubernetes.render.project import Stage, render

__all__ = ["Address", "Addresses", "Stage", "render"]
