"""Paper trading: a session on candles as they close, commands from a person, and the status that others can read."""
