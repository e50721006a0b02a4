"""What runs inside a loader job on a cluster: one stage of the cohort pipeline on a mounted volume."""
