"""Random changes of training samples, image and boxes together."""
