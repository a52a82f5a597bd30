"""`od-api init`: from a folder of labelled images to a config that trains on it."""
