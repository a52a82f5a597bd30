"""What every family rests on: registry, records, boxes, ranges, variables, replicas."""
