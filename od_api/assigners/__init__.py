"""Which ground-truth box each anchor answers for."""
