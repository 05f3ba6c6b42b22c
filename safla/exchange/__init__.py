"""Candles and rules for orders from an exchange: requests, stream, and what protects both sides (docs/exchange.md)."""
