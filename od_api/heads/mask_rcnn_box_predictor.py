"""The head of Faster and Mask R-CNN's second stage: classes, boxes, masks."""

import keras
import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.heads._deconvolved_mask_head import DeconvolvedMaskHead
from od_api.heads._mask_head import MaskHead
from od_api.layers.chain import Chain
from od_api.layers.conv_hyperparams import ConvHyperparams
from od_api.layers.dropout import Dropout
from od_api.protos import box_predictor_pb2


@register(
    box_predictor_pb2.MaskRCNNBoxPredictor,
    ignored={
        "predict_keypoints": "no detector here predicts keypoints of regions, and the "
        "old API never read the field"
    },
)
class MaskRcnnBoxPredictor(keras.layers.Layer):
    """Predicts class, box and mask of every region from its features.

    The features are averaged over the region; a dense layer each then gives the class
    logits and the box codes (Ren et al., NIPS 2015, with the average pooling of He et
    al., CVPR 2016). `masks` is the branch of Mask R-CNN (He et al., ICCV 2017).

    Args:
      fc_hyperparams: a `ConvHyperparams` of the two dense layers: their kernels'
        initialiser and regulariser, and the normaliser of their outputs. Its
        activation has no effect.
      use_dropout: dropout before each of the two, while training.
      dropout_keep_probability: share of the inputs that dropout keeps, above 0.
      box_code_size: numbers of a box code.
      conv_hyperparams: a `ConvHyperparams` of the mask branch.
      predict_instance_masks: whether there is a mask branch.
      mask_prediction_conv_depth: channels of its convolutions; 0 chooses them by the
        numbers of features and classes.
      mask_height, mask_width: size of a mask.
      mask_prediction_num_conv_layers: 3x3 convolutions of the mask branch, with the
        last, which predicts.
      masks_are_class_agnostic: one mask for all classes in place of one for each.
      share_box_across_classes: one box for all classes in place of one for each.
      convolve_then_upsample_masks: the mask branch enlarges the features after its
        first convolutions and not before them.
      deconvolve_masks: the mask branch of the paper, with a transposed convolution.
      threshold_mask_targets: masks learn 0 or 1, whichever is nearer to the target.
      num_classes: K.

    Attributes:
      reads: what an operator has read of each region.
      thresholds_mask_targets: as `threshold_mask_targets`.
    """

    reads = "regions"

    def __init__(
        self,
        *,
        num_classes,
        fc_hyperparams=None,
        use_dropout=False,
        dropout_keep_probability=0.5,
        box_code_size=4,
        conv_hyperparams=None,
        predict_instance_masks=False,
        mask_prediction_conv_depth=256,
        mask_height=15,
        mask_width=15,
        mask_prediction_num_conv_layers=2,
        masks_are_class_agnostic=False,
        share_box_across_classes=False,
        convolve_then_upsample_masks=False,
        deconvolve_masks=False,
        threshold_mask_targets=False,
    ):
        super().__init__(name="mask_rcnn_box_predictor")
        ranges.above("dropout_keep_probability", dropout_keep_probability, 0, 1)
        ranges.at_least("box_code_size", box_code_size, 1, ranges.MOST_CHANNELS)
        make = fc_hyperparams or ConvHyperparams()
        rate = 1 - dropout_keep_probability if use_dropout else 0.0
        self._box_shape = [1 if share_box_across_classes else num_classes]
        self._box_shape += [box_code_size]
        self._classes = _dense_chain(make, num_classes + 1, rate, name="class")
        num_codes = self._box_shape[0] * box_code_size
        self._boxes = _dense_chain(make, num_codes, rate, name="box")
        self._mask_head = None
        self.thresholds_mask_targets = threshold_mask_targets
        if deconvolve_masks and convolve_then_upsample_masks:
            raise ValueError(
                "deconvolve_masks and convolve_then_upsample_masks are two forms of "
                "the mask branch: set one"
            )
        if predict_instance_masks:
            ranges.at_least("mask_height", mask_height, 1, ranges.MOST_CELLS)
            ranges.at_least("mask_width", mask_width, 1, ranges.MOST_CELLS)
            ranges.between(
                "mask_prediction_num_conv_layers",
                mask_prediction_num_conv_layers,
                1,
                ranges.MOST_LAYERS,
            )
            # 0 takes a depth that suits the number of classes.
            ranges.between(
                "mask_prediction_conv_depth",
                mask_prediction_conv_depth,
                0,
                ranges.MOST_CHANNELS,
            )
            form = DeconvolvedMaskHead if deconvolve_masks else MaskHead
            upsample = {"convolve_then_upsample": convolve_then_upsample_masks}
            self._mask_head = form(
                make=conv_hyperparams or ConvHyperparams(),
                size=(mask_height, mask_width),
                num_masks=1 if masks_are_class_agnostic else num_classes,
                num_classes=num_classes,
                depth=mask_prediction_conv_depth,
                num_convs=mask_prediction_num_conv_layers,
                **({} if deconvolve_masks else upsample),
            )

    @property
    def predicts_masks(self):
        """Whether there is a mask branch."""
        return self._mask_head is not None

    def build(self, shape):
        """Creates the variables of all branches, for regions' features [M, h, w, C]."""
        pooled = (shape[0], shape[-1])
        self._classes.build(pooled)
        self._boxes.build(pooled)
        if self.predicts_masks:
            self._mask_head.build(shape)

    def call(self, features, training=False):
        """Classes and boxes of M regions.

        Args:
          features: [M, h, w, C].
          training: whether dropout and batch statistics are used.

        Returns:
          class_logits [M, K + 1], background in column 0, and box_codes [M, Q, code
          size], float32; Q is K, or 1 for a shared box.
        """
        pooled = tf.reduce_mean(features, axis=[1, 2])
        codes = tf.reshape(self._boxes(pooled), [-1, *self._box_shape])
        return {
            "class_logits": tf.cast(self._classes(pooled), tf.float32),
            "box_codes": tf.cast(codes, tf.float32),
        }

    def masks(self, features, training=False):
        """Masks of M regions, which need not be those of `call`.

        Args:
          features: [M, h, w, C], of the size that `call` gets.
          training: whether batch statistics are used.

        Returns:
          [M, mask height, mask width, K or 1] float32 logits.

        Raises:
          ValueError: there is no mask branch.
        """
        if not self.predicts_masks:
            raise ValueError("masks need predict_instance_masks: true")
        return self._mask_head(features, training=training)


def _dense_chain(make, units, dropout_rate, *, name):
    dense = keras.layers.Dense(
        units,
        name="dense",
        kernel_regularizer=make.regularizer,
        kernel_initializer=make.new_initializer() or "glorot_uniform",
    )
    dropout = Dropout(dropout_rate, name="dropout") if dropout_rate else None
    return Chain([dropout, dense, make.norm_layer(units, name="norm")], name=name)
