"""The reading side: summaries, tables, conditions on them. It changes nothing."""
