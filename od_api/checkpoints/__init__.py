"""Checkpoints: files, names, the best one, and where training starts from."""
