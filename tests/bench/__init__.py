"""Measured side by side in one run, medians of several: `python -m tests.bench` prints the table (DESIGN 6)."""
