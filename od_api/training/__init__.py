"""Training: steps, strategies, what a run keeps, and what it says."""
