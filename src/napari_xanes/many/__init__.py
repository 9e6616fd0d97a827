"""One recipe on many files: what is done already is kept, and a file that fails stops no other."""
