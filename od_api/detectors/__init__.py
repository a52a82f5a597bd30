"""Composition of the parts into meta-architectures."""
