"""What the lists of fields say is what a run does: read, or not read and said."""

import collections
from unittest import mock

import pytest
import tensorflow as tf
import tiny
import tiny_two_stage
from field_lists import MESSAGES, ignored, used
from google.protobuf import text_format
from recorded_reads import recorded_reads

from od_api.config.compatibility import compatibility_notes
from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.core.message_fields import is_map, is_repeated
from od_api.core.registry import build, build_field
from od_api.data.inputs import TrainingInput
from od_api.data.synthetic.synth import generate_records
from od_api.old_api import feature_extractor_aliases, two_stage_extractors
from od_api.protos import (
    faster_rcnn_pb2,
    optimizer_pb2,
    pipeline_pb2,
    ssd_pb2,
    train_pb2,
)
from od_api.train import train
from od_api.training import asynchronous
from od_api.training.cluster import Cluster
from od_api.training.strategies import strategy_for


@pytest.fixture(scope="module")
def reads(tmp_path_factory):
    """{message: fields that were read} while all of this was done."""
    folder = tmp_path_factory.mktemp("reads")
    found = collections.defaultdict(set)
    for run in (
        _training,
        _fine_tuning,
        _folder_readers,
        _two_stage_detectors,
        _type_strings,
        _optimizers,
        _asynchronous_training,
    ):
        with recorded_reads(*MESSAGES.values()) as its_reads:
            run(folder)
        for message, fields in its_reads.items():
            found[message] |= fields
    return found


def _training(folder):
    """One step of SSD on masks and two files, then an evaluation."""
    data = folder / "data"
    generate_records(
        data,
        num_images=2,
        num_shards=2,
        include_masks=True,
        seed=7,
        image_size=(96, 96),
    )
    tiny.write_config(folder, data)
    (folder / "above.config").write_text(f'base: "{folder}/pipeline.config"')
    config = load_config(
        folder / "above.config",
        [
            "train_config.num_steps=1",
            "train_config.batch_size=1",
            "train_config.optimizer.use_moving_average=true",
            "train_input_reader.load_instance_masks=true",
            "eval_config.batch_size=1",
            'eval_config.metrics_set=["coco_detection_metrics", '
            '"precision_at_recall_detection_metrics", '
            '"oid_challenge_detection_metrics"]',
            "eval_config.include_metrics_per_category=true",
            'eval_config.super_categories={key: "all" value: "disc, ring"}',
        ],
    )
    train(config, folder / "model")


def _fine_tuning(folder):
    """It gets as far as the checkpoint, which is not there."""
    absent = folder / "absent"
    config = load_config(
        folder / "pipeline.config", [f"train_config.fine_tune_checkpoint={absent}"]
    )
    with pytest.raises(UserError, match="absent"):
        train(config, folder / "fine_tuned")


def _folder_readers(folder):
    """They get as far as the folder, which is not there."""
    absent = f'images: "{folder}/absent" '
    for name, where in (
        ("coco", f'annotations: "{folder}/absent.json"'),
        ("voc", f'annotations: "{folder}/absent"'),
        ("yolo", f'labels: "{folder}/absent" names: "{folder}/absent.yaml"'),
    ):
        reader = f"{name}_input_reader {{ {absent} {where} }}"
        label_map = f'label_map_path: "{folder}/data/label_map.pbtxt"'
        config = load_config(
            folder / "pipeline.config",
            [f"train_input_reader={{ {label_map} {reader} }}"],
        )
        with pytest.raises(UserError, match="absent"):
            TrainingInput(config)


def _two_stage_detectors(folder):
    for name in ("faster_rcnn_fpn", "mask_rcnn"):
        config = text_format.Parse(
            tiny_two_stage.MODELS[name], pipeline_pb2.TrainEvalPipelineConfig()
        )
        build_field(config, "model")


def _type_strings(folder):
    for name in ("faster_rcnn_resnet50", "faster_rcnn_resnet50_fpn"):
        two_stage_extractors.typed_parts(
            faster_rcnn_pb2.FasterRcnnFeatureExtractor(type=name)
        )
    for text in (
        'type: "ssd_mobilenet_v1_fpn_keras" fpn { min_level: 4 }',
        'type: "ssd_efficientnet-b0_bifpn_keras" bifpn { min_level: 4 }',
    ):
        extractor = text_format.Parse(text, ssd_pb2.SsdFeatureExtractor())
        feature_extractor_aliases.typed_parts(extractor)


def _optimizers(folder):
    for member in ("rms_prop", "momentum", "adam", "adamw"):
        rate = "learning_rate { constant_learning_rate {} }"
        text = f"{member}_optimizer {{ {rate} }}"
        assert build(text_format.Parse(text, optimizer_pb2.Optimizer()))


def _asynchronous_training(folder):
    """A chief without servers, and steps that are handed out to nobody."""
    cluster = Cluster(
        {"chief": ["a:1"], "worker": ["127.0.0.1:1"], "ps": ["127.0.0.1:2"]}, "chief"
    )
    with pytest.raises(UserError, match="cannot reach"):
        strategy_for(train_pb2.TrainConfig(cluster_start_seconds=0.1), cluster=cluster)
    state = collections.namedtuple("State", "step step_variable")
    state = state(0, tf.Variable(0, dtype=tf.int64))
    coordinators = asynchronous.tf.distribute.coordinator
    stop = mock.patch.object(coordinators, "ClusterCoordinator", side_effect=UserError)
    with stop, pytest.raises(UserError):
        asynchronous.AsynchronousSteps(
            state, strategy_for(), None, cluster, train_pb2.TrainConfig(), 1
        )


@pytest.mark.parametrize("message", MESSAGES)
def test_used_fields_are_read(message, reads):
    assert set(used(message)) - reads[message] == set()


@pytest.mark.parametrize("message", MESSAGES)
def test_ignored_fields_are_not_read(message, reads):
    assert set(ignored(message)) & reads[message] == set()


@pytest.mark.parametrize("message", MESSAGES)
def test_ignored_fields_say_so_when_they_are_set(message):
    """Each by its name; a field that is used says nothing of the kind."""
    for field in ignored(message):
        made = MESSAGES[message]()
        _set(made, made.DESCRIPTOR.fields_by_name[field])
        first, *_ = compatibility_notes(made)
        assert first.startswith(f"{field} has no effect: ")
    for field in used(message):
        made = MESSAGES[message]()
        _set(made, made.DESCRIPTOR.fields_by_name[field])
        notes = [n for n in compatibility_notes(made) if n.startswith(f"{field} has")]
        assert not notes


def _set(message, field):
    """Sets a field to something else than its default."""
    value = getattr(message, field.name)
    if is_map(field):
        value["1" if field.message_type.fields_by_name["key"].type == 9 else 1]
    elif field.message_type is not None:
        value.add() if is_repeated(field) else value.SetInParent()
    else:
        other = _other(field)
        value.append(other) if is_repeated(field) else setattr(
            message, field.name, other
        )


def _other(field):
    if field.enum_type is not None:
        numbers = {value.number for value in field.enum_type.values}
        return max(numbers - {field.default_value})
    if field.cpp_type == field.CPPTYPE_STRING:
        return "other" if field.type == field.TYPE_STRING else b"other"
    if field.cpp_type == field.CPPTYPE_BOOL:
        return is_repeated(field) or not field.default_value
    return 1 if is_repeated(field) else field.default_value + 1
