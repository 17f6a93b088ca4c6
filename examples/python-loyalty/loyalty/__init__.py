"""Loyalty in Python: a participant of the shop's saga that knows nothing but the contract."""
