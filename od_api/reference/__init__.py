"""`od-api config reference` and `od-api config list`: the schema, and the configs."""
