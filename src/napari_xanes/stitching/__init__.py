"""Join stacks to one: segments of an energy scan, and tiles of a mosaic, with a report of the seams."""
