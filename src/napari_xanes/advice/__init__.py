"""Which energies to measure next, for how long, and which error the map will have: arrays in, arrays out."""
