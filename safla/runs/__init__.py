"""Runs: backtests and replays, with their folders and journals. The function `safla.run` is in api/calls.py."""
