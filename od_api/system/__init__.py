"""Files, folders, arguments and terminals: what the system gives, every text checked."""
