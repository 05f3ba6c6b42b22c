"""What the faces of the first system share: sizes, risk and stored candles for callers with floats. No engine."""
