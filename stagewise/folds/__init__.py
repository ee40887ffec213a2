"""The folder of one fold's run: what it was made from, and its resume states."""
