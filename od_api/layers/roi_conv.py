"""RoIConv: a convolution of the bins of each cell's box (AlignDet)."""

from od_api.layers.adaptive_conv import AdaptiveConv2D


class RoiConv2D(AdaptiveConv2D):
    """A convolution whose taps are the bins of the box of each cell.

    As `AdaptiveConv2D`, but the box is cut in k x k equal bins, and each tap reads the
    centre of one: a dense RoIAlign of one sample a bin, followed by a product. Source:
    Chen et al., Revisiting Feature Alignment for One-stage Object Detection, 2019,
    section 3.2.

    Args:
      filters: channels that come out.
      kernel_size: from 1 up, of both sides.
      kernel_initializer, kernel_regularizer: of the kernel; there is a bias.
    """

    bins = True
