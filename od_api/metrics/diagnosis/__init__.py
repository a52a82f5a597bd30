"""What is wrong with detections: kinds of errors, thresholds, confusion, intervals."""
