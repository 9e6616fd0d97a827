"""Runs over many files: speed on workers, memory of the client, kills, full disks, cut files, and how far it scales."""
