"""`tidegate noun verb`: data on stdout, messages on stderr, exit codes of `ExitCode`."""
