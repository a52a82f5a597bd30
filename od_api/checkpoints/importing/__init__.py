"""Weights of the old API and of slim: files, names, and where each tensor goes."""
