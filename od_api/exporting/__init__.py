"""Exporting: frozen networks, signatures, parity, and SavedModels that are read."""
