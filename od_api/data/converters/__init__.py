"""Data sets of other formats, made into records."""
