"""From an image of any size to the network's input."""
