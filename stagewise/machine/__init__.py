"""The machine: processor, device and backend, worker processes and the memory that they share, signals."""
