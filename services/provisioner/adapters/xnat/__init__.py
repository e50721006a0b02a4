"""XNAT as a source of cohorts: `xnat` logs in and lists, the transfer is ours. `source.XnatSource` is the way in."""
