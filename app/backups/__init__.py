"""A whole installation in one file, and back from it. See docs/operations.md."""

UNFINISHED = ".restoring"
"""A folder in the data folder, for as long as a restore into it has not ended."""
