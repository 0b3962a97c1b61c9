"""Re-identification, leak check, verdict."""
