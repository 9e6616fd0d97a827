"""Patterns of the beam that changed between sample and flat field, and how they are told from the sample.

In bins of some pixels, the optical depth is a sum of the sample (references and a smooth baseline, free in every bin),
of patterns (a few spectra times smooth maps), and of noise. Where there is no sample, the patterns are visible as they
are; the statistics of their maps extend them to the rest of the image (kriging). If the spectrum of a pattern lies
within the design matrix, only these statistics distinguish it from the sample.
"""
