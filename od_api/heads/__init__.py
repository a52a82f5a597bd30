"""From feature maps to class logits and box codes."""
