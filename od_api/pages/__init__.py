"""Pages that are one file and need no network: their skeleton, styles and colours."""
