"""`od-api train`: its arguments, and what it does with them."""

from od_api.system.arguments import add_config


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    add_config(parser)
    parser.add_argument("model_dir", help="where checkpoints and logs go")
    parser.add_argument(
        "--num-steps",
        type=int,
        help="instead of the config's; the learning rate's schedule stays as it is",
    )
    parser.add_argument("--no-eval", action="store_true", help="do not evaluate")
    parser.add_argument("--use-tpu", action="store_true", help="train on a TPU")
    parser.add_argument("--tpu-name", help="its name; the local one by default")
    parser.set_defaults(func=_train)


def _train(args):
    from od_api import load_config
    from od_api.train import train_as_task

    overrides = list(args.overrides)
    if args.num_steps is not None:
        # In the config, because an evaluator needs it, too, to know the last one.
        overrides.append(f"train_config.num_steps={args.num_steps}")
    train_as_task(
        load_config(args.config, overrides),
        args.model_dir,
        use_tpu=args.use_tpu,
        tpu_name=args.tpu_name,
        evaluate_on_the_way=not args.no_eval,
    )
