"""Volumes on disk."""
