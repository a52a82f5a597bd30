"""Warnings are told apart by what they say."""

import logging

from od_api.core.registry import build
from od_api.core.warn_once import warn_once
from od_api.protos import post_processing_pb2


def test_each_text_once(caplog):
    caplog.set_level(logging.WARNING, logger="absl")
    for text in ("left", "right", "left"):
        warn_once(text)
    assert [r.getMessage() for r in caplog.records] == ["left", "right"]


def test_every_ignored_field_of_a_message_is_told(caplog):
    caplog.set_level(logging.WARNING, logger="absl")
    warn_once.cache_clear()
    build(
        post_processing_pb2.BatchNonMaxSuppression(
            use_cpu_nms=True, use_combined_nms=True
        )
    )
    assert "use_cpu_nms has no effect" in caplog.text
    assert "use_combined_nms has no effect" in caplog.text
