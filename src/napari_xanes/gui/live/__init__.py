"""Follow a scan that is being measured: its stack grows, its maps change, the final ones stay."""
