"""What the provisioner decides, in plain Python: no pydicom, no XNAT, no clock, no disk."""
