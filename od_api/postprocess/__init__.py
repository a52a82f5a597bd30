"""From scored boxes to final detections."""
