"""The crop inside a video's outline, and the extraction of many videos."""
