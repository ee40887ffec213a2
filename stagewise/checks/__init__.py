"""Checks of all data against each other, with pictures of it."""
