"""From predictions and ground truth to named losses."""
