"""The store of candles: one file per month of a series, a manifest, and merging of new candles (S2)."""
