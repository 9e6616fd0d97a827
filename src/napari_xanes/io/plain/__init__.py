"""Plain arrays whose energies lie in a text beside them."""
