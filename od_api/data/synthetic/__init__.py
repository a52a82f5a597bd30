"""Scenes drawn for demonstrations, tests and the study."""
