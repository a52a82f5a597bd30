"""The page's requests, and the page itself in a real browser."""

import io
import json
import threading
import time

import data_set_kit
import pytest
import viewed_set
from browser import browser
from PIL import Image
from werkzeug.test import Client

from od_api import cli
from od_api.core.errors import UserError
from od_api.viewer import view_server


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """(server, URL) of the three pictures; it answers until the tests end."""
    folder = viewed_set.write(tmp_path_factory.mktemp("set"))
    server, url = view_server(folder, detections=folder / "found.json")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server, url
    server.shutdown()
    thread.join()


@pytest.fixture
def client(seen):
    return Client(seen[0].app)


def asked(client, path, **settings):
    return json.loads(client.get(path, base_url="http://127.0.0.1:1", **settings).data)


def test_summary_says_what_there_is_to_filter_by(client):
    summary = asked(client, "/summary")
    assert summary["pictures"] == 3 and summary["found"]
    assert summary["classes"] == [
        {"id": "1", "name": "cat", "objects": 3},
        {"id": "2", "name": "dog", "objects": 1},
    ]
    assert "localisation" in summary["errors"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a.jpg", "b.jpg", "c"]),
        ("class=2", ["a.jpg"]),
        ("size=medium", ["b.jpg", "c"]),
        ("error=localisation", ["a.jpg"]),
        ("error=missed", ["c"]),
        ("class=1&error=localisation", []),
        ("name=JPG", ["a.jpg", "b.jpg"]),
        ("page=1", []),
    ],
)
def test_pictures_are_filtered(client, query, names):
    found = asked(client, f"/pictures?{query}")
    assert [p["name"] for p in found["pictures"]] == names


def test_boxes_that_were_wanted_are_marked(client):
    (picture,) = asked(client, "/pictures?error=localisation")["pictures"]
    assert [box["wanted"] for box in picture["boxes"]] == [False, False, False, True]
    assert picture["boxes"][3]["name"] == "dog"


def test_a_picture_is_scaled_down_and_never_up(client):
    for side, size in ((320, (320, 240)), (2048, (640, 480))):
        answer = client.get(f"/picture/0?side={side}", base_url="http://localhost:1")
        assert Image.open(io.BytesIO(answer.data)).size == size


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/summary", "127.0.0.1:80", 200),
        ("/summary", "somewhere.example:80", 403),
        ("/picture/3", "localhost:80", 404),
        ("/picture/0?side=x", "localhost:80", 400),
        ("/pictures?page=-1", "localhost:80", 400),
        ("/../../etc/passwd", "localhost:80", 404),
    ],
)
def test_only_what_is_here_and_only_to_this_machine(client, path, host, status):
    answer = client.get(path, base_url=f"http://{host}")
    assert answer.status_code == status
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_port_that_is_taken(seen, tmp_path):
    with pytest.raises(UserError, match="name another by --port"):
        view_server(viewed_set.write(tmp_path), port=seen[0].port)


def yolo(folder):
    """Three images with a box each, of which the last cannot be read."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for i in range(3):
        (folder / "images" / f"{i}.jpg").write_bytes(data_set_kit.picture(60, 40, i))
        (folder / "labels" / f"{i}.txt").write_text(f"{i % 2} 0.5 0.5 0.5 0.5\n")
    (folder / "images" / "2.jpg").write_bytes(b"no picture")
    (folder / "classes.txt").write_text("cat\ndog\n")
    return folder


def test_a_data_set_is_shown_as_it_is(tmp_path):
    """What cannot be read is told, and the others are there."""
    server, _ = view_server(yolo(tmp_path / "pets"))
    client = Client(server.app)
    summary = asked(client, "/summary")
    assert summary["classes"] == [
        {"id": "1", "name": "cat", "objects": 1},
        {"id": "2", "name": "dog", "objects": 1},
    ]
    (unread,) = summary["unread"]
    assert "2.jpg" in unread["reason"]
    first, _ = asked(client, "/pictures")["pictures"]
    assert first["boxes"][0]["box"] == [10.0, 15.0, 30.0, 45.0]
    answer = client.get("/picture/1", base_url="http://localhost:1")
    assert Image.open(io.BytesIO(answer.data)).size == (60, 40)
    server.server_close()


def test_options_of_records_are_refused_for_a_data_set(tmp_path):
    with pytest.raises(UserError, match="--label-map is for records"):
        view_server(yolo(tmp_path / "pets"), label_map="x.pbtxt")


def test_command_prints_the_url(tmp_path, monkeypatch, capsys):
    viewed_set.write(tmp_path)
    monkeypatch.setattr(
        "werkzeug.serving.BaseWSGIServer.serve_forever", lambda self: None
    )
    assert cli.main(["view", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
    assert cli.main(["view", str(tmp_path / "nowhere")]) == 2


def test_the_page_shows_filters_and_enlarges(seen):
    """In a browser: cards, boxes over them, a filter, and the large picture."""
    _, url = seen
    with browser() as page:
        page.go(url)
        until(page, "document.querySelectorAll('figure').length === 3")
        assert page.js("document.querySelectorAll('figure rect').length") == 6
        until(page, "[...document.images].slice(0, 3).every((i) => i.naturalWidth > 0)")
        page.go(f"{url}#error=missed")
        until(page, "document.querySelectorAll('figure').length === 1")
        assert page.js("document.getElementById('count').textContent") == "1 picture"
        page.click("figure")
        until(page, "document.querySelector('dialog').open")
        assert page.js("document.querySelectorAll('#boxes tr').length") == 2
        assert "object, missed" in page.js(
            "document.getElementById('boxes').textContent"
        )
        assert page.console() == []


def until(page, condition):
    """Waits until a JavaScript expression is true."""
    end = time.monotonic() + 30
    while not page.js(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.05)
