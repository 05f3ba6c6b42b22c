"""Figures of a run: arrays in, numbers out (SEMANTICS 7). No label, no percent sign; what is undefined says why."""
