"""Files, arguments and terminals: what the system gives, with every text checked."""
