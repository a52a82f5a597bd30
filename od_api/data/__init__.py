"""Reading, checking, converting and making data sets."""
