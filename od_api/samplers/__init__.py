"""Which anchors take part in the loss."""
