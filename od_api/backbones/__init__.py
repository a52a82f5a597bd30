"""Classification networks that return named stages."""
