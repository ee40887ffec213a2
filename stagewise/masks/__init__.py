"""Masks of X-rays by trained folds: probabilities on disk, a rule for them, submissions, blends."""
