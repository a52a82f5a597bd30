"""Metrics of detections: COCO, Pascal VOC, precision-recall curves, the report."""

from od_api.metrics.metrics_sets import build_evaluators

__all__ = ["build_evaluators"]
