"""What becomes of each field of the pipeline's own messages: used, refused, ignored.

A field that is added to one of them must be put into one of the three.
"""

from od_api.config.compatibility import IGNORED_FIELDS, REFUSED_FIELDS
from od_api.config.refused_by_parts import REFUSED_BY_PARTS
from od_api.core.registry import ignored_fields
from od_api.protos import (
    eval_pb2,
    faster_rcnn_pb2,
    input_reader_pb2,
    losses_pb2,
    optimizer_pb2,
    pipeline_pb2,
    ssd_pb2,
    train_pb2,
)

MESSAGES = {
    m.DESCRIPTOR.name: m
    for m in (
        pipeline_pb2.TrainEvalPipelineConfig,
        train_pb2.TrainConfig,
        eval_pb2.EvalConfig,
        input_reader_pb2.InputReader,
        ssd_pb2.Ssd,
        ssd_pb2.SsdFeatureExtractor,
        losses_pb2.Loss,
        faster_rcnn_pb2.FasterRcnn,
        faster_rcnn_pb2.FasterRcnnFeatureExtractor,
        optimizer_pb2.Optimizer,
    )
}

# {message: fields that have an effect}.
USED = {
    "TrainEvalPipelineConfig": """
        base train_config eval_config eval_input_reader model train_input_reader
        inference paths_from_this_file
    """,
    "TrainConfig": """
        optimizer gradient_clipping_by_norm fine_tune_checkpoint
        from_detection_checkpoint bias_grad_multiplier freeze_variables
        add_regularization_loss fine_tune_checkpoint_type update_trainable_variables
        max_checkpoints_to_keep seed precision jit_compile num_steps
        checkpoint_every_n_steps log_every_n_steps stall_warning_seconds batch_size
        data_augmentation_options sync_replicas cluster_start_seconds
        startup_delay_steps worker_silence_seconds batch_schemes
        merge_multiple_label_boxes use_multiclass_scores
    """,
    "EvalConfig": """
        num_visualizations min_score_threshold max_num_boxes_to_visualize
        image_classes_field_map_empty_to_ones
        eval_every_n_steps best_metric early_stopping batch_size metrics_set
        recall_lower_bound recall_upper_bound include_metrics_per_category
        super_categories all_metrics_per_category use_fast_coco_eval max_detections
        class_agnostic skip_predictions_for_unlabeled_class
    """,
    "InputReader": """
        expand_labels_hierarchy
        drop_unknown_classes tf_record_input_reader label_map_path name shuffle
        num_epochs num_readers shuffle_buffer_size read_block_length
        sample_1_of_n_examples sample_from_datasets_weights mask_type drop_remainder
        max_number_of_boxes load_instance_masks num_keypoints load_multiclass_scores
        max_image_pixels crowd_boxes ignore_difficult chips load_image_classes
        coco_input_reader voc_input_reader yolo_input_reader
    """,
    "Ssd": """
        num_classes image_resizer feature_extractor box_coder matcher
        similarity_calculator box_predictor anchor_generator post_processing
        normalize_loss_by_num_matches loss encode_background_as_zeros
        negative_class_weight normalize_loc_loss_by_codesize freeze_batchnorm
        add_background_class columns objective mask_supervision
    """,
    "SsdFeatureExtractor": """
        pad_to_multiple type conv_hyperparams backbone neck fpn bifpn depth_multiplier
        min_depth use_explicit_padding use_depthwise num_layers
        override_base_feature_extractor_hyperparams old_padding old_depth_multiplier
        old_slim_override spaghettinet_arch_name
    """,
    "Loss": """
        localization_loss classification_loss hard_example_miner classification_weight
        localization_weight random_example_sampler
    """,
    "FasterRcnn": """
        number_of_stages num_classes image_resizer feature_extractor
        first_stage_anchor_generator first_stage_atrous_rate
        first_stage_box_predictor_conv_hyperparams
        first_stage_box_predictor_kernel_size first_stage_box_predictor_depth
        first_stage_minibatch_size first_stage_positive_balance_fraction
        first_stage_nms_score_threshold first_stage_nms_iou_threshold
        first_stage_max_proposals first_stage_localization_loss_weight
        first_stage_objectness_loss_weight initial_crop_size maxpool_kernel_size
        maxpool_stride second_stage_box_predictor second_stage_batch_size
        second_stage_balance_fraction second_stage_post_processing
        second_stage_localization_loss_weight second_stage_classification_loss_weight
        second_stage_mask_prediction_loss_weight hard_example_miner
        second_stage_classification_loss use_matmul_crop_and_resize
        clip_anchors_to_image use_static_shapes first_stage_matcher
        second_stage_matcher box_coder first_stage_localization_loss
        second_stage_localization_loss add_ground_truth_to_proposals
        first_stage_objective second_stage_objective first_stages region_stages
        region_operator proposal_levels region_levels consistent_supervision
        first_stage_suppression first_stage_predictors_per_level mask_supervision
    """,
    "FasterRcnnFeatureExtractor": """
        type first_stage_features_stride batch_norm_trainable conv_hyperparams fpn
        backbone neck override_base_feature_extractor_hyperparams pad_to_multiple
        old_padding old_slim_override
    """,
    "Optimizer": """
        use_moving_average moving_average_decay rms_prop_optimizer momentum_optimizer
        adam_optimizer adamw_optimizer
    """,
}

# {message: {field: text that must be refused}} of REFUSED_BY_PARTS; those of
# REFUSED_FIELDS come on top.
TEXTS_REFUSED_BY_PARTS = {
    "Ssd": {
        "use_confidences_as_targets": "use_confidences_as_targets: true",
        "explicit_background_class": "explicit_background_class: true",
    },
    "Loss": {
        "expected_loss_weights": "expected_loss_weights: EXPECTED_SAMPLING",
        "equalization_loss": "equalization_loss { weight: 1 }",
    },
    "FasterRcnn": {
        "context_config": "context_config {}",
        "output_final_box_features": "output_final_box_features: true",
        "output_final_box_rpn_features": "output_final_box_rpn_features: true",
    },
    "InputReader": {
        "external_input_reader": "external_input_reader {}",
        "input_type": "input_type: TF_SEQUENCE_EXAMPLE",
        "num_additional_channels": "num_additional_channels: 1",
        **{
            field: f"{field}: true"
            for field in (
                "load_context_features",
                "load_dense_pose",
                "load_track_id",
                "load_context_image_ids",
                "load_keypoint_depth_features",
                "use_keypoint_label_map",
            )
        },
    },
}


def used(message):
    """Names of the fields of a message that have an effect."""
    return USED[message].split()


def refused(message):
    """Names of the fields that are refused."""
    return [*REFUSED_FIELDS.get(message, {}), *REFUSED_BY_PARTS.get(message, {})]


def ignored(message):
    """Names of the fields that are accepted, say so and have no effect."""
    by_parts = ignored_fields(f"od_api.protos.{message}")
    return [*IGNORED_FIELDS.get(message, {}), *by_parts]
