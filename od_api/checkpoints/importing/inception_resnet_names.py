"""The convolutions of Inception-ResNet v2: Keras counts them, slim names them."""

# In the order in which Keras makes them.
_STEM = (
    "InceptionResnetV2/Conv2d_1a_3x3",
    "InceptionResnetV2/Conv2d_2a_3x3",
    "InceptionResnetV2/Conv2d_2b_3x3",
    "InceptionResnetV2/Conv2d_3b_1x1",
    "InceptionResnetV2/Conv2d_4a_3x3",
)
_MIXED_5B = (
    "Branch_0/Conv2d_1x1",
    "Branch_1/Conv2d_0a_1x1",
    "Branch_1/Conv2d_0b_5x5",
    "Branch_2/Conv2d_0a_1x1",
    "Branch_2/Conv2d_0b_3x3",
    "Branch_2/Conv2d_0c_3x3",
    "Branch_3/Conv2d_0b_1x1",
)
_BLOCK35 = (
    "Branch_0/Conv2d_1x1",
    "Branch_1/Conv2d_0a_1x1",
    "Branch_1/Conv2d_0b_3x3",
    "Branch_2/Conv2d_0a_1x1",
    "Branch_2/Conv2d_0b_3x3",
    "Branch_2/Conv2d_0c_3x3",
)
_MIXED_6A = (
    "Branch_0/Conv2d_1a_3x3",
    "Branch_1/Conv2d_0a_1x1",
    "Branch_1/Conv2d_0b_3x3",
    "Branch_1/Conv2d_1a_3x3",
)
_BLOCK17 = (
    "Branch_0/Conv2d_1x1",
    "Branch_1/Conv2d_0a_1x1",
    "Branch_1/Conv2d_0b_1x7",
    "Branch_1/Conv2d_0c_7x1",
)
_MIXED_7A = (
    "Branch_0/Conv2d_0a_1x1",
    "Branch_0/Conv2d_1a_3x3",
    "Branch_1/Conv2d_0a_1x1",
    "Branch_1/Conv2d_1a_3x3",
    "Branch_2/Conv2d_0a_1x1",
    "Branch_2/Conv2d_0b_3x3",
    "Branch_2/Conv2d_1a_3x3",
)
_BLOCK8 = (
    "Branch_0/Conv2d_1x1",
    "Branch_1/Conv2d_0a_1x1",
    "Branch_1/Conv2d_0b_1x3",
    "Branch_1/Conv2d_0c_3x1",
)


def _slim_convolutions():
    """{unit of ours: slim's scope, as a pattern}."""
    # slim closes a stage's repetition with one block that is not repeated.
    blocks = (
        *(f"block35_{n}" for n in range(1, 11)),
        "Mixed_6a",
        *(f"block17_{n}" for n in range(1, 21)),
        "Mixed_7a",
        *(f"block8_{n}" for n in range(1, 10)),
        "Block8",
    )
    inside = {
        "block35": _BLOCK35,
        "block17": _BLOCK17,
        "block8": _BLOCK8,
        "Block8": _BLOCK8,
        "Mixed_6a": _MIXED_6A,
        "Mixed_7a": _MIXED_7A,
    }
    scopes = [*_STEM, *(f"Mixed_5b/{one}" for one in _MIXED_5B)]
    joined = {"conv_7b": "Conv2d_7b_1x1"}
    for block in blocks:
        kind = block if block in inside else block.split("_")[0]
        scopes += [f"{block}/{one}" for one in inside[kind]]
        if not block.startswith("Mixed"):
            ours = "block8_10" if block == "Block8" else block
            joined[ours] = f"{block}/Conv2d_1x1"
    counted = {
        f"conv2d_{n}" if n else "conv2d": scope for n, scope in enumerate(scopes)
    }
    return counted | joined


SLIM_CONVOLUTIONS = _slim_convolutions()
