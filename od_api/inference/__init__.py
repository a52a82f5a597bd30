"""Models that are used: an export or a run in, objects in images and videos out."""
