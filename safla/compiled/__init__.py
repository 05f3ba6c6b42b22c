"""Compiled code: the library of the functions marked @entry_point, and how it is built (D2)."""
