"""TensorFlow's errors without its own places."""

import pytest
import tensorflow as tf

from od_api.data.read_errors import FAILURES, reason_of


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("corrupted record at 12", "corrupted record at 12"),
        ("truncated. [Op:IteratorGetNext] name:", "truncated"),
        (
            "{{function_node __wrapped__Next}} assertion failed: [no boxes]\n"
            "\t [[{{node Assert/Assert}}]]",
            "[no boxes]",
        ),
        (
            "2 root error(s) found.\n  (0) INVALID_ARGUMENT: bad JPEG\n"
            "\t [[{{node DecodeJpeg}}]]\n  (1) bad JPEG",
            "(0) INVALID_ARGUMENT: bad JPEG",
        ),
        ("", "InvalidArgumentError"),
    ],
)
def test_reason(message, reason):
    error = tf.errors.InvalidArgumentError(None, None, message)
    assert reason_of(error) == reason


def test_bytes_of_a_record_are_made_printable():
    with pytest.raises(FAILURES) as caught:
        b"bad \xff\x1b[2J record".decode()
    text = reason_of(caught.value)
    assert "bad" in text and "record" in text and "\x1b" not in text
