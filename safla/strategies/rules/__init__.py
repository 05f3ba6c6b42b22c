"""The sentences of a rules strategy (docs/strategies.md): read, printed, checked against names, evaluated, explained.

Nothing here knows YAML, keys or kinds of indicators. `grammar`, `canonical`, `names` and `look_back` work when a
configuration is loaded and need no numpy; `evaluate` and `explain` go over columns of values.
"""
