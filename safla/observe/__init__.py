"""Logs, monitoring, alerts and views of a run. They get updates whose lines are synced, and decide nothing."""
