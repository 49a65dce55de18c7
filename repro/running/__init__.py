"""Runs trials, and nothing else does."""
