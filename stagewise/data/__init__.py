"""Tables, splits, and clips by the batch."""
