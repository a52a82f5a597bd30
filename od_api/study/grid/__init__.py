"""The models of a study: a grid, its extractors, and what the paper printed."""
