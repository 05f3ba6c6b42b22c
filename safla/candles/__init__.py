"""Candles as columns: read as integers, checked, resampled. Nothing is read from disk or network."""
