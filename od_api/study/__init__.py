"""The speed/accuracy trade-off study."""
