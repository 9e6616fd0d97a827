"""Forms made from the declared parameters of a method."""
