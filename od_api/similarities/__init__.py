"""How alike two boxes are."""
