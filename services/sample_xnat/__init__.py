"""A small XNAT that serves real DICOM, for the demo and the tests.

It is a stand-in: it answers the calls the `xnat` client and our own pull make, no others, keeps nothing, checks one
password, and refuses to listen anywhere but on this machine. It is no place for data that needs protecting.
"""
