"""`od-api demo`: its arguments, and what it does with them."""

from od_api.system import shipped
from od_api.system.arguments import add_overrides


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    parser.add_argument(
        "config",
        nargs="?",
        type=shipped.found,
        default="configs/ssd/ssd_mobilenet_v1_fpn_192x192_demo.config",
        help="a config to try on the scenes; default: %(default)s",
    )
    add_overrides(parser)
    parser.add_argument("--output", default="demo_output")
    parser.set_defaults(func=_demo)


def _demo(args):
    from od_api.demo import demo

    demo(args.config, args.output, args.overrides)
