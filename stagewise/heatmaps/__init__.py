"""Heat maps, and their videos."""
