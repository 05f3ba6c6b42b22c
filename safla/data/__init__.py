"""Where candles come from: files, archives, generators. All is checked here once; nothing is mended in silence."""
