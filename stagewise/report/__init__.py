"""One page that shows a run: what went in, how it learned, how sure it is, and what made it."""
