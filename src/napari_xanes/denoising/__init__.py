"""How a stack is cleaned: what is measured of it, its background, its fractions, what is new in it."""
