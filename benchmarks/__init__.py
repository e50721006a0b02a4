"""Ratios against peers and limits, each pair measured in one run: times alone say little on a shared machine."""
