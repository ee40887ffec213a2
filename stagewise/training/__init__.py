"""Training: a stage's plan, its folds' runs, callbacks, and what it takes of the machine."""
