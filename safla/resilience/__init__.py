"""How requests are paced, tried again and given up (FAULTS 2). No request is made here; candles are unknown here."""
