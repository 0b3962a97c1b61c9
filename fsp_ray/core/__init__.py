"""Types, errors, configuration and ids. numpy and the standard library only."""
