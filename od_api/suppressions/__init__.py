"""Which of several boxes of one class and image are kept."""
