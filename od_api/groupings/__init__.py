"""From maps of points to boxes, one file each; see docs/architecture.md."""
