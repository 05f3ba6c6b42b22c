"""Bounds of time in tests: figures are held by `make soak`, which runs alone; elsewhere only a hang fails."""

HANG_SECONDS = 10.0  # what a test lets hang hangs longer than this

exact = False  # whether the figures themselves are asked for: --scale release


def bound(seconds: float) -> float:
    """The seconds that something may take here, of which so many are promised."""
    return seconds if exact else max(seconds, HANG_SECONDS)
