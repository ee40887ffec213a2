"""Answers of trained folds: plans, ensembles, thresholds, the submission."""
