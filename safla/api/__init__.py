"""The functions for Python programs: run, replay, validate, load_config, and the types that they return."""
