"""Measured side by side in one run, medians: `python -m tests.bench` prints the table (docs/performance.md)."""
