"""Paper trading: a session on candles as they close, the commands of a person, and what another process sees of it."""
