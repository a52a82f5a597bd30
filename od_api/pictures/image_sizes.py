"""How many pixels an encoded image has, as an operation of a data set's graph.

`images.look` says it of a file; records are decoded by threads of TensorFlow, which no
Python may hold up.
"""

import tensorflow as tf

_HEAD = 32


def num_pixels(encoded):
    """Pixels of an image by its header: a string scalar -> an int64 scalar.

    0 for what is no image; decoding it says so.
    """
    head = tf.strings.substr(encoded, 0, _HEAD) + "\0" * _HEAD
    head = tf.cast(
        tf.io.decode_raw(tf.strings.substr(head, 0, _HEAD), tf.uint8), "int64"
    )

    def begins(mark, at=0):
        return tf.reduce_all(head[at : at + len(mark)] == list(mark))

    return tf.case(
        [
            (begins(b"\xff\xd8\xff"), lambda: _jpeg(encoded)),
            (begins(b"\x89PNG"), lambda: _big(head, 16) * _big(head, 20)),
            (begins(b"GIF8"), lambda: _little(head, 6, 2) * _little(head, 8, 2)),
            (begins(b"BM"), lambda: _bmp(head)),
            (begins(b"WEBPVP8X", 8), lambda: _webp_extended(head)),
            (begins(b"WEBPVP8L", 8), lambda: _webp_lossless(head)),
            (begins(b"WEBPVP8 ", 8), lambda: _webp_lossy(head)),
        ],
        default=lambda: tf.constant(0, tf.int64),
    )


def _jpeg(encoded):
    shape = tf.io.extract_jpeg_shape(encoded, tf.int64)
    return shape[0] * shape[1]


def _bmp(head):
    width, height = _little(head, 18, 4), _little(head, 22, 4)
    # A negative height means that the uppermost line comes first.
    return width * tf.minimum(height, 2**32 - height)


def _webp_extended(head):
    return (_little(head, 24, 3) + 1) * (_little(head, 27, 3) + 1)


def _webp_lossless(head):
    bits = _little(head, 21, 4)
    return (bits % 2**14 + 1) * (bits // 2**14 % 2**14 + 1)


def _webp_lossy(head):
    return (_little(head, 26, 2) % 2**14) * (_little(head, 28, 2) % 2**14)


def _little(head, start, count):
    """A number of `count` bytes, the lowest first."""
    return tf.reduce_sum(head[start : start + count] * [256**i for i in range(count)])


def _big(head, start):
    """A number of 4 bytes, the highest first."""
    return tf.reduce_sum(head[start : start + 4] * [256**i for i in (3, 2, 1, 0)])
