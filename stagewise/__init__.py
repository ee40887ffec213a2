"""The machinery that the numbered scripts share."""
