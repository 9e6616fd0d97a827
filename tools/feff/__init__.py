"""Compute the K-edge libraries from crystal structures with FEFF10. For developers.

Users of the libraries do not need this code. FEFF10 (Kas, Vila, Pemmaraju, Tan & Rehr, J. Synchrotron Rad. 28, 1801,
2021) is not part of this package; the extra ``feff`` installs it.
"""
