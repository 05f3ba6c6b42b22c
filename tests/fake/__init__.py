"""What the fake exchange is made of: each module a part, tests/fake_exchange.py the door."""
