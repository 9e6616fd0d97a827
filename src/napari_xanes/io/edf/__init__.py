"""EDF files of the ESRF."""
