"""What runs: backtests and replays, and what they need of the disk and the clock. It decides nothing."""
