"""Runs: backtests and replays, and what they need of the disk. The function `safla.run` is api/calls.py."""
