"""A run of a study: stages of cells, in processes."""
