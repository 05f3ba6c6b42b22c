"""Candles as columns: parsed to integers, checked, resampled. Nothing here reads a disk or a network."""
