"""From a backbone's stages to the maps that heads read."""
