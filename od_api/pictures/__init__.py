"""Images as files and records have them, and what is drawn on them."""
