"""An exchange as a source of candles: how it is asked, judged, paged, and followed live. Nothing is stored here."""
