"""Scores: how right answers are, at which threshold, and how sure that is; with their curves."""
