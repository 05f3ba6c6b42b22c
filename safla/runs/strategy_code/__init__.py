"""Strategies from files and installed packages: who may name them, which bytes run, and what identifies them (C1-C7).

`loading.py` is the one place of safla that executes code of users.
"""
