"""The use cases of egress review: each asks `domain.decide`, makes a new request value and writes it with its records.

Called by the web pages, the intake and the worker; knows ports, no framework.
"""
