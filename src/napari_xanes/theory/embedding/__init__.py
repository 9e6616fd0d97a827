"""Libraries as points in few dimensions."""
