"""Recipes: every number of a winning solution on one page each, and the parts that a page is made of."""
