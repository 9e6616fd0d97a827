"""What spectra a stack is made of, found without references: arrays in, arrays out."""
