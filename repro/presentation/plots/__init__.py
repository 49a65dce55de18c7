"""Figures from records: one a file."""
