"""Tidegate: a trusted research environment for imaging cohorts. The language every service shares."""

__version__ = "0.1.0"
