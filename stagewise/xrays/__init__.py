"""Chest X-rays: their files, and the masks of them."""
