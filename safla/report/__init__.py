"""What a run came to: summaries, tables, conditions on them. Reports read results and change nothing."""
