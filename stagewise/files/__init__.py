"""Files: where they live, how they are written, locked and read."""
