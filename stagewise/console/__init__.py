"""The command line that every script speaks, its last lines, and a run's log."""
