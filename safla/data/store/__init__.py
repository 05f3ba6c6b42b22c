"""Candles that are kept: months of a series, a manifest beside them, and how more comes in (S2)."""
