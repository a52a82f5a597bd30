"""The TFRecord that both sides read: synthetic scenes of 320 x 320 pixels."""


def ours(settings):
    from od_api.data.synthetic.synth import generate_records

    yield {}
    generate_records(settings["data"], num_images=settings["scenes"], seed=0)
    yield {}
