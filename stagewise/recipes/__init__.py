"""Recipes: every number of a winning solution on one page each."""
