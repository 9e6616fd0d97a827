"""Choose a method, fill in its parameters and run it on a stack."""
