"""The kernel launcher: process 1 of the kernel sandbox or container. Standard library and pyseccomp only."""
