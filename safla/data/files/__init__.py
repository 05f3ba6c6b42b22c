"""Files of candles by others: CSV, Parquet, archives; bounded, and hostile until read."""
