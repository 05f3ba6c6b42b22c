"""Readers of candle files: CSV, JSON, Parquet, Arrow, archives. Input is untrusted, so its size is limited."""
