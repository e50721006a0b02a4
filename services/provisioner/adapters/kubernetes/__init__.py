"""The provisioner's hands on a cluster: what it renders, applies, proves and takes down."""
