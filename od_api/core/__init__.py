"""Registry, config loading, typed records and box geometry."""
