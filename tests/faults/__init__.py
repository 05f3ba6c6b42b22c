"""What must be survived (FAULTS): each test names the number of its row."""
