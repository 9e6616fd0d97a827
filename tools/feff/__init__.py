"""How the K-edge libraries were computed: crystal structures, clusters, and runs of FEFF10. For developers.

Nothing here is needed to use the libraries. FEFF10 (Kas, Vila, Pemmaraju, Tan & Rehr, J. Synchrotron Rad. 28, 1801,
2021) comes with the extra ``feff`` and is not part of this package.
"""
