"""Strict parsers. Each accepts a whole file of its type and accounts for every byte, or raises `NotThisType`."""
