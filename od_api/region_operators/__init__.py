"""Region operators: what is read of a map for a box, one file an operator."""
