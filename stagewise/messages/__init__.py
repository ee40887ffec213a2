"""What is told: errors, the commands that they name, progress lines."""
