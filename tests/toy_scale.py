"""Shipped configs at toy scale: their parts stay, their sizes become a test's.

What is trained is smaller and not another thing: a narrow network over small images, a
short schedule, the numbers of pixels in proportion to the images, and those that
objects are told apart by in proportion to the scenes' objects, of 35 to 78 px.
benchmarks/techniques.py and the tests use the same.
"""

from od_api.core.message_fields import set_values
from od_api.old_api import feature_extractor_aliases, two_stage_extractors
from od_api.protos import backbone_pb2

# Pixels of the scenes, and of the network's input.
SIDE = 96
CLASSES = 5
RATE = 0.002
# Of detectors that RATE brings to nothing or to little: a network without batch norm,
# and ResNets below a second stage (over a pyramid mAP .14 to .33, and .71 at this one).
SLOW_RATE = 0.0005
_SLOW = {("ssd", "vgg16"), ("faster_rcnn", "resnet")}
# The short side of most of COCO's files.
_FILE_SIDE = 480
# Of ranges of objects' sizes: 40, 80, 120 and 160 px become 24, 48, 72 and 96. Each of
# SNIP's three has some of the objects then, and the middle one all.
_SIZE_RATIO = 0.6
# Of an anchor in strides: sides of 8 to 128 px on P2 to P6.
_ANCHOR_SCALE = 2

_AT_MOST = {
    "Bifpn": {"depth": 32},
    "CascadeRpnPredictor": {"depth": 32},
    "ColumnBoxPredictor": {"depth": 32, "num_layers_before_predictor": 1},
    "FasterRcnn": {
        "first_stage_box_predictor_depth": 64,
        "first_stage_max_proposals": 32,
        "first_stage_minibatch_size": 64,
        "second_stage_batch_size": 16,
    },
    # Group norms of 4 groups of 9 channels; of 32 each would be a group of its own, and
    # lose its mean over the map.
    "FcosBoxPredictor": {"depth": 36, "num_layers_before_predictor": 1},
    "Fpn": {"depth": 32},
    "IouBalancedSampler": {"batch_size": 16},
    "MaskRCNNBoxPredictor": {"mask_prediction_conv_depth": 32},
    "RfcnBoxPredictor": {"depth": 64},
    "SoftLevels": {"depth": 32},
    "SsdFeatureMaps": {"depth_multiplier": 0.25},
    "TopDownFpn": {"depth": 32},
    "WeightSharedConvolutionalBoxPredictor": {
        "depth": 32,
        "num_layers_before_predictor": 1,
    },
}
_SET = {
    "BatchNorm": {"decay": 0.95},
    "LevelByStride": {"canonical_side": 14 * _ANCHOR_SCALE * 2},
    # Of the second stage's 4 cells, doubled.
    "MaskRCNNBoxPredictor": {"mask_height": 8, "mask_width": 8},
    "MultiscaleAnchorGenerator": {"anchor_scale": _ANCHOR_SCALE},
    "RegionAssigner": {"anchor_scale": _ANCHOR_SCALE},
    # Most objects are small in a stitched image, and few in a whole one.
    "Stitcher": {"small_area": 48.0**2},
}
# Pixels of the image in its file, or of the network's input.
_FILE_PIXELS = {"AutoAugmentImage": ["max_translation"]}
_INPUT_PIXELS = {
    "ChipScale": ["min_dimension", "max_dimension", "chip_size"],
    "GridAnchorGenerator": ["height", "width"],
    "MultiScale": ["sizes"],
}
# With ends `low` and `high`, by which objects are told apart.
_RANGES = ("BranchRange", "ChipScale", "PyramidSize", "SizeRange")
_WITH_TYPES = {
    "ssd": feature_extractor_aliases,
    "faster_rcnn": two_stage_extractors,
}


def toy(config, data, *, steps=1000, batch_size=4, keep_resnet=None):
    """A detector's config made small, in place; returns it.

    Args:
      config: TrainEvalPipelineConfig with `ssd` or `faster_rcnn`.
      data: folder whose train/ and val/ have label_map.pbtxt and scenes.record-*.
      keep_resnet: a slim ResNet-50 stays one; else it is a MobileNet v1, which takes a
        fifth of the time. None: where the config has something that ResNets alone have.
      steps: of the schedule.
      batch_size: images a step.
    """
    name = config.model.WhichOneof("model")
    model = getattr(config.model, name)
    model.num_classes = CLASSES
    if keep_resnet is None:
        keep_resnet = needs_resnet(config)
    _spell_out(name, model.feature_extractor, keep_resnet)
    _shrink_pixels(config, model)
    for message in list(_messages(config)):
        _shrink(message)
    rate = SLOW_RATE if (name, backbone_name(config)) in _SLOW else RATE
    _shorten(config.train_config, steps, batch_size, rate)
    _read(config, data)
    return config


def backbone_name(config):
    """Which network a config has: the name of its slot in Backbone."""
    name = config.model.WhichOneof("model")
    extractor = getattr(config.model, name).feature_extractor
    return extractor.backbone.WhichOneof("backbone_oneof")


def needs_resnet(config):
    """Whether a config has what no other backbone has."""
    name = config.model.WhichOneof("model")
    extractor = getattr(config.model, name).feature_extractor
    network = extractor.backbone.resnet
    return bool(network.deformable_stages) or network.HasField("trident")


def _spell_out(name, extractor, keep_resnet):
    """Typed parts in place of a `type`, and a network that is narrow and learns."""
    backbone, neck = _WITH_TYPES[name].typed_parts(extractor)
    if backbone.HasField("resnet") and not keep_resnet:
        backbone = _as_mobilenet(backbone.resnet)
    extractor.Clear()
    extractor.backbone.CopyFrom(backbone)
    if neck is not None:
        extractor.neck.CopyFrom(neck)
    part = getattr(extractor.backbone, backbone.WhichOneof("backbone_oneof"))
    part.weights = ""
    if "freeze_batch_norm" in part.DESCRIPTOR.fields_by_name:
        part.conv_hyperparams.batch_norm.SetInParent()
    if part.DESCRIPTOR.name == "Resnet":
        part.depth, part.depth_multiplier = 50, 0.125
    else:
        part.depth_multiplier = 0.25
    # The same in all configs: each starts from the same weights.
    if "min_depth" in part.DESCRIPTOR.fields_by_name:
        part.min_depth = 8


def _as_mobilenet(resnet):
    """A Backbone of the same stages and strides."""
    backbone = backbone_pb2.Backbone()
    part = backbone.mobilenet_v1
    part.second_stage = resnet.second_stage
    whole_and_fine = not resnet.second_stage and resnet.output_stride < 32
    if whole_and_fine or resnet.second_stage_dilation > 1:
        part.output_stride = 16
    return backbone


def _shrink_pixels(config, model):
    """What is measured in pixels, in proportion to the network's input."""
    ratio = SIDE / _side(model.image_resizer)
    for message in list(_messages(config)):
        kind = message.DESCRIPTOR.name
        if kind == "ImageResizer":
            side = round(_side(message) * ratio)
            message.fixed_shape_resizer.height = side
            message.fixed_shape_resizer.width = side
        elif kind == "FcosAssigner":
            # Those of anchors of 4 strides, which become 2.
            limits = message.range_limits or (64, 128, 256, 512)
            message.range_limits[:] = [v * _ANCHOR_SCALE / 4 for v in limits]
        for field in _INPUT_PIXELS.get(kind, ()):
            _multiply(message, field, ratio)
        for field in _FILE_PIXELS.get(kind, ()):
            _multiply(message, field, SIDE / _FILE_SIDE)
        for field in ("low", "high") if kind in _RANGES else ():
            _multiply(message, field, _SIZE_RATIO)


def _multiply(message, field, ratio):
    """A number, or each of a list."""
    value = getattr(message, field)
    if isinstance(value, float):
        setattr(message, field, value * ratio)
    elif isinstance(value, int):
        setattr(message, field, round(value * ratio))
    else:
        value[:] = [round(v * ratio) for v in value]


def _shrink(message):
    """Depths and counts that a test has no use for."""
    kind = message.DESCRIPTOR.name
    for field, most in _AT_MOST.get(kind, {}).items():
        setattr(message, field, min(getattr(message, field), most))
    for field, value in _SET.get(kind, {}).items():
        setattr(message, field, value)
    if "freeze_batch_norm" in message.DESCRIPTOR.fields_by_name:
        message.freeze_batch_norm = False


def _side(resizer):
    """The short side that an ImageResizer makes, in pixels."""
    name = resizer.WhichOneof("image_resizer_oneof")
    part = getattr(resizer, name)
    return part.height if name == "fixed_shape_resizer" else part.min_dimension


def _shorten(train_config, steps, batch_size, rate):
    """Adam at one rate from random weights, averaged; the schedule is cut in
    proportion."""
    train_config.batch_size = batch_size
    share = steps / train_config.num_steps
    train_config.num_steps = train_config.checkpoint_every_n_steps = steps
    train_config.log_every_n_steps = steps
    train_config.ClearField("fine_tune_checkpoint")
    train_config.gradient_clipping_by_norm = 10
    optimizer = train_config.optimizer
    kept = getattr(optimizer, optimizer.WhichOneof("optimizer")).learning_rate
    short = type(kept)()
    _shorten_rate(kept, short, rate, steps, share)
    optimizer.Clear()
    optimizer.moving_average_decay = 0.99
    optimizer.adam_optimizer.learning_rate.CopyFrom(short)


def _shorten_rate(kept, short, rate, steps, share):
    """Fills `short`: a cosine, drops, or a rate that stays where it hardly falls."""
    kind = kept.WhichOneof("learning_rate")
    if kind == "cosine_decay_learning_rate":
        cosine = short.cosine_decay_learning_rate
        cosine.learning_rate_base, cosine.warmup_learning_rate = rate, rate / 10
        cosine.total_steps, cosine.warmup_steps = steps, steps // 20
    elif kind == "manual_step_learning_rate":
        full, drops = kept.manual_step_learning_rate, short.manual_step_learning_rate
        drops.initial_learning_rate = rate
        for drop in full.schedule:
            falls = drop.learning_rate / full.initial_learning_rate
            drops.schedule.add(
                step=round(drop.step * share), learning_rate=rate * falls
            )
    else:
        short.constant_learning_rate.learning_rate = rate


def _read(config, data):
    """The scenes of a folder, and an evaluation without pictures."""
    readers = [config.train_input_reader, *config.eval_input_reader]
    for split, reader in zip(("train", "val"), readers, strict=True):
        reader.label_map_path = f"{data}/{split}/label_map.pbtxt"
        reader.tf_record_input_reader.input_path[:] = [
            f"{data}/{split}/scenes.record-*"
        ]
        reader.max_number_of_boxes = 20
    if config.train_input_reader.HasField("chips"):
        config.train_input_reader.chips.index_path = f"{data}/train.chips"
    config.eval_config.batch_size = 8
    config.eval_config.num_visualizations = 0


def _messages(message):
    """A message and all that are set in it."""
    yield message
    for _, field, value in set_values(message):
        if field.message_type is not None:
            yield from _messages(value)
