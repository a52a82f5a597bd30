"""What is neither positive nor negative."""
