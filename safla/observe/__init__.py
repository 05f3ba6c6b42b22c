"""Who looks on at a run: logs, monitoring, alerts, views. They are told what is synced, and decide nothing."""
