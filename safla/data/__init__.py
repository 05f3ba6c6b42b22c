"""Where candles come from: files, archives, generators. Data is checked here, once; nothing is corrected silently."""
