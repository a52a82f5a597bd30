"""The list of all parts: what each is, where it comes from, and which config has it."""
