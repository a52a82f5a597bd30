"""Addresses of served models, and the command line's way to them."""

import argparse

import pytest

from od_api.commands import client_command
from od_api.core.errors import UserError
from od_api.inference.served_address import ServedAddress, is_address


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://h:8501/v1/models/m", ("rest", "http://h:8501", "m", None)),
        ("https://h/v1/models/m/", ("rest", "https://h", "m", None)),
        ("http://h/a/b/v1/models/m:predict", ("rest", "http://h/a/b", "m", None)),
        ("http://h:1/v1/models/m/versions/7", ("rest", "http://h:1", "m", 7)),
        ("grpc://10.0.0.1:8500/m", ("grpc", "10.0.0.1:8500", "m", None)),
        ("grpc://h:8500/m/versions/12", ("grpc", "h:8500", "m", 12)),
    ],
)
def test_parts(text, parts):
    address = ServedAddress.parsed(text)
    assert is_address(text) and address == (*parts, text)
    version = f"/versions/{parts[3]}" if parts[3] else ""
    assert address.url == f"{parts[1]}/v1/models/m{version}"


@pytest.mark.parametrize(
    "text",
    [
        "http://h:8501",
        "http://h:8501/models/m",
        "http://h/v1/models/m/versions/new",
        "http://h/v1/models/m?x=1",
        "grpc://h/m",
        "grpc://h:8500",
        "grpc://h:8500/v1/models/m",
    ],
)
def test_other_forms_are_told_the_right_one(text):
    with pytest.raises(UserError, match=r"no address of a model: it is http://HOST"):
        ServedAddress.parsed(text)


def test_paths_are_no_addresses(tmp_path):
    assert not any(map(is_address, ("run", "gs://bucket/run", tmp_path, "http:/x")))


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        ("--rest http://h:8501", "http://h:8501/v1/models/detector"),
        ("--rest h:8501 --model m", "http://h:8501/v1/models/m"),
        ("--rest http://h/v1/models/m", "http://h/v1/models/m"),
        ("--rest http://h/ --version 3", "http://h/v1/models/detector/versions/3"),
        ("--grpc h:8500", "grpc://h:8500/detector"),
        ("--grpc grpc://h:8500 --model m --version 2", "grpc://h:8500/m/versions/2"),
    ],
)
def test_addresses_of_command_lines(arguments, address):
    parser = argparse.ArgumentParser()
    client_command.add_arguments(parser)
    args = parser.parse_args([*arguments.split(), "a.png", "--output", "found"])
    assert client_command._address(args) == address
    assert is_address(address) and ServedAddress.parsed(address)


def test_a_model_is_named_once():
    parser = argparse.ArgumentParser()
    client_command.add_arguments(parser)
    line = "--rest http://h/v1/models/m --model n a.png --output found"
    with pytest.raises(UserError, match="leave out --model"):
        client_command._address(parser.parse_args(line.split()))
