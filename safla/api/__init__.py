"""The calls from Python: run, replay, validate, load_config, and what they give back. Nothing is decided here."""
