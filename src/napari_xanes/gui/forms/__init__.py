"""Forms that are built from the declared parameters of a method."""
