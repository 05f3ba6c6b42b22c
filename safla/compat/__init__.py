"""The classes of the first system in front of the engine: sizes, risk and candles for programs with floats."""
