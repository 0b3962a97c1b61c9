"""The command line, fsp."""
