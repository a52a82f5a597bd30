"""Boxes as offsets from anchors, and back."""
