"""Configs: loading, places of errors, overrides and what a run refuses."""
