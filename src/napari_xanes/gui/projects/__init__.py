"""Projects: what a window holds is saved to one file, and comes back."""
