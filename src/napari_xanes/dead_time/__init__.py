"""The dead time of a counting detector: what it misses, and how long it is, from counts and a monitor of the beam."""
