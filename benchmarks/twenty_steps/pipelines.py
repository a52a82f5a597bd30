"""The pipelines that both sides train: models of tests/golden with a `train_config`.

Nothing in them is drawn: the mini-batches of a Faster R-CNN are as large as there are
anchors or proposals, the miner keeps all, no dropout, no augmentation. SSD's batch norm
learns, under a rate that rises and falls; Faster R-CNN's is frozen, as by default, and
its rate drops twice. Gradients are clipped, weights decay.

Rates are low: at .01, clipped at 10, the losses of the old SSD differed by 2 % from
its own when the weights that it began with were 3e-7 apart.
"""

TRAIN = """
train_config {
  batch_size: 4
  num_steps: 20
  optimizer {
    use_moving_average: false
    OPTIMIZER
  }
  gradient_clipping_by_norm: CLIP
}
"""
MOMENTUM = """momentum_optimizer {
      momentum_optimizer_value: 0.9
      learning_rate { SCHEDULE }
    }"""
COSINE = """cosine_decay_learning_rate {
        learning_rate_base: RATE total_steps: 20
        warmup_learning_rate: 0.0001 warmup_steps: 6
      }"""
STEPS = """manual_step_learning_rate {
        initial_learning_rate: RATE
        schedule { step: 7 learning_rate: 0.00002 }
        schedule { step: 14 learning_rate: 0.000005 }
      }"""
_ALL = "num_hard_examples: 1000000 iou_threshold: 1.0"


def pipelines(single, double):
    """{name: text}; takes the MODELS of tests/golden/old_models and old_two_stage."""
    ssd = single["ssd_mobilenet_v1"][0]
    # A miner that keeps all; which of many equal losses it took would be chance.
    ssd = ssd.replace("max_negatives_per_positive: 3", "")
    ssd = ssd.replace("num_hard_examples: 3000 iou_threshold: 0.99", _ALL)
    faster = double["faster_rcnn_resnet50"]
    # The old Keras heads passed over this penalty (docs/migrating.md, row l).
    before, after = faster.split("op: FC")
    faster = f"{before}op: FC{after.replace('0.0004', '0.0', 1)}"
    cosine = MOMENTUM.replace("SCHEDULE", COSINE).replace("RATE", "0.0005")
    steps = MOMENTUM.replace("SCHEDULE", STEPS).replace("RATE", "0.00005")
    return {
        "ssd_mobilenet_v1": _pipeline(ssd, cosine, clip=1.0),
        "faster_rcnn_resnet50": _pipeline(faster, steps, clip=10.0),
    }


def _pipeline(model, optimizer, clip):
    train = TRAIN.replace("OPTIMIZER", optimizer).replace("CLIP", str(clip))
    return f"model {{ {model} }}" + train
