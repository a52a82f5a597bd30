"""What only configs of the old API need: type strings and what they mean."""
