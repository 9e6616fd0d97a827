"""The results of runs: what is shown of them, their list, statistics and pictures."""
