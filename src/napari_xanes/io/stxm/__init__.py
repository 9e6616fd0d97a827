"""Files of scanning microscopes (STXM)."""
