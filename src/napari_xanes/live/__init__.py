"""Maps while a scan is still being measured: what has arrived, maps of it, and the final ones at the end."""
