"""Where candles come from: files, archives, generators. Everything is checked here once; nothing is mended in silence."""
