"""Several stages' answers joined into one."""
