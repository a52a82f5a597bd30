"""Numbers that the old API's feature extractors had in their code, not in configs."""

from google.protobuf import text_format

from od_api.core.errors import ConfigError
from od_api.core.multiples import divisible_by_8
from od_api.protos import hyperparams_pb2

# Of an extractor and of the backbone: what only the old API's own weights need.
OLD_SETTINGS = {
    "old_padding": "a ResNet",
    "old_slim_override": "a ResNet",
    "old_depth_multiplier": "MobileNet v1",
}

# The base network's own settings, which `conv_hyperparams` did not touch unless
# override_base_feature_extractor_hyperparams was set. An l2 weight counts half.
MOBILENET = """
  regularizer { l2_regularizer { weight: 0.00004 } }
  initializer { truncated_normal_initializer { stddev: 0.09 } }
  activation: RELU_6
  batch_norm { decay: 0.9997 center: true scale: true epsilon: 0.001 }
"""

RESNET = """
  regularizer { l2_regularizer { weight: 0.0001 } }
  initializer { variance_scaling_initializer { factor: 1 } }
  activation: RELU
  batch_norm { decay: 0.997 center: true scale: true epsilon: 0.00001 }
"""

INCEPTION = """
  regularizer { l2_regularizer { weight: 0.00004 } }
  activation: RELU
  batch_norm { decay: 0.9997 center: true scale: false epsilon: 0.001 }
"""

VGG = """
  regularizer { l2_regularizer { weight: 0.0005 } }
  activation: RELU
"""

EFFICIENTNET = """
  regularizer { l2_regularizer { weight: 0.00001 } }
"""

MOBILEDET = """
  regularizer { l2_regularizer { weight: 0.00004 } }
"""

SPAGHETTINET = """
  regularizer { l2_regularizer { weight: 0.00001 } }
  initializer { truncated_normal_initializer { stddev: 0.03 } }
"""

MNAS_FPN = """
  regularizer { l2_regularizer { weight: 0.00004 } }
  initializer { variance_scaling_initializer { factor: 2 } }
  batch_norm { decay: 0.99 center: true scale: true epsilon: 0.01 }
"""

FAMILIES = {
    "mobilenet": MOBILENET,
    "resnet": RESNET,
    "inception": INCEPTION,
    "vgg": VGG,
    "efficientnet": EFFICIENTNET,
    "mobiledet": MOBILEDET,
    "mnas_fpn": MNAS_FPN,
    "spaghettinet": SPAGHETTINET,
}


def base_hyperparams(family, keras_twin):
    """Hyperparams of a base network; `family` is a key of FAMILIES.

    The Keras ResNets did not halve their l2 weight as everything else did: they
    regularised twice as hard as their TensorFlow 1 twins.
    """
    hyperparams = text_format.Parse(FAMILIES[family], hyperparams_pb2.Hyperparams())
    if family == "resnet" and keras_twin:
        hyperparams.regularizer.l2_regularizer.weight *= 2
    return hyperparams


def apply_old_settings(extractor, backbone):
    """Hands what the old API's own weights need on to the backbone of a type.

    Args:
      extractor: an SsdFeatureExtractor or a FasterRcnnFeatureExtractor.
      backbone: the Backbone that its type stands for; changed in place.

    Raises:
      ConfigError: the type's backbone has no such setting.
    """
    part = getattr(backbone, backbone.WhichOneof("backbone_oneof"))
    for field, network in OLD_SETTINGS.items():
        if field not in extractor.DESCRIPTOR.fields_by_name:
            continue
        if not getattr(extractor, field):
            continue
        if field not in part.DESCRIPTOR.fields_by_name:
            raise ConfigError(
                f"is of {network}, and type {extractor.type!r} has none; remove it",
                field,
            )
        setattr(part, field, True)


def everything_explicit(hyperparams):
    """A copy in which the activation and batch norm's numbers are set, not defaults.

    A backbone changes only what is set; the old override changed everything.
    """
    copy = hyperparams_pb2.Hyperparams()
    copy.CopyFrom(hyperparams)
    copy.activation = copy.activation
    normalizer = copy.WhichOneof("normalizer_oneof")
    if normalizer in ("batch_norm", "sync_batch_norm"):
        batch_norm = getattr(copy, normalizer)
        for field in batch_norm.DESCRIPTOR.fields:
            setattr(batch_norm, field.name, getattr(batch_norm, field.name))
    return copy


def mobilenet_v2_last_depth(depth, multiplier):
    """Depth of MobileNet v2's last convolution, which a multiplier never widens."""
    if multiplier >= 1:
        return depth
    return divisible_by_8(depth * multiplier)
