"""What becomes of whole batches in training."""
