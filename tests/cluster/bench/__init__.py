"""`make bench-cluster`: the bars of the controller at their full size. Not part of any test run."""
