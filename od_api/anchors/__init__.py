"""Reference boxes over the feature maps."""
