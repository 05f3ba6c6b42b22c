"""Indicators: folds over the columns of candles, each step written once for history and for live candles."""
