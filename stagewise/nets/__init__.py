"""Networks, and what is done to a built network (inflating, fusing)."""
