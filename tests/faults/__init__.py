"""What must be survived (docs/faults.md): each test names the number of its row."""
