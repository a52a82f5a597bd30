"""Images larger than a network's input: seen in parts, and put together again."""
