"""Engines that run exported networks; each imports its package when it is used."""
