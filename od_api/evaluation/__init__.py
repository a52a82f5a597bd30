"""Evaluation: what lies between checkpoints and records, and metrics and reports."""
