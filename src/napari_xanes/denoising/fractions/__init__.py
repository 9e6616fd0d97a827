"""Amounts and fractions of the references: fit, estimate with errors, cleaning."""
