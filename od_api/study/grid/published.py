"""Numbers that the study printed (Huang et al., CVPR 2017), to set beside our own."""

from typing import NamedTuple


class PublishedExtractor(NamedTuple):
    """A row of Table 2.

    Attributes:
      top_1: accuracy on ImageNet's validation images, in percent.
      parameters: of the network without its classifier.
      rule: what that number includes, found by counting; the study does not say.
    """

    top_1: float
    parameters: int
    rule: str


# Table 2, in its order.
EXTRACTORS = {
    "VGG-16": PublishedExtractor(
        71.0, 14_714_688, "kernels and biases; there is no batch norm"
    ),
    "MobileNet": PublishedExtractor(
        71.1,
        3_191_072,
        "kernels, and one offset for each channel of the stem and of the pointwise "
        "convolutions; Keras also counts scales, means and variances, and the batch "
        "norm of the depthwise convolutions",
    ),
    "Inception V2": PublishedExtractor(
        73.9,
        10_173_112,
        "kernels, batch norm's offsets, means and variances (there are no scales), and "
        "the biases of the stem, which has no batch norm",
    ),
    "ResNet-101": PublishedExtractor(
        76.4,
        42_605_504,
        "kernels and the four vectors of each batch norm; Keras also counts biases of "
        "the convolutions, which batch norm cancels",
    ),
    "Inception V3": PublishedExtractor(
        78.0,
        21_802_784,
        "kernels, and batch norm's offsets, means and variances (there are no scales)",
    ),
    "Inception-ResNet-v2": PublishedExtractor(
        80.4,
        54_336_736,
        "kernels, batch norm's offsets, means and variances (there are no scales), and "
        "the biases of the convolutions without batch norm",
    ),
}
