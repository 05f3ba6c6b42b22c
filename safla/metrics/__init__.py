"""Figures of a run: arrays in, numbers out (docs/semantics.md, section 8). What is undefined has a reason."""
