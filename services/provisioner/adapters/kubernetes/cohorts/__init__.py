"""Cohorts on a cluster: a volume each, filled by jobs with one destination at most, and given back read-only."""

from provisioner.adapters.kubernetes.cohorts.cohorts import ClusterParts, KubernetesCohorts

__all__ = ["ClusterParts", "KubernetesCohorts"]
