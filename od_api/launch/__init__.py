"""A training cluster on one machine: its roles as processes on loopback."""
