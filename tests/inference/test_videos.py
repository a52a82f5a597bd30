"""Videos: an annotated one and a line a frame; what cannot be read."""

import json
import sys

import cv2
import numpy as np
import pytest
from bright_rectangle import save_model, scene
from PIL import Image

import od_api
from od_api import cli
from od_api.core.errors import UserError
from od_api.detect import Limits, detect
from od_api.inference import videos


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model") / "saved_model")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Five frames, 160 x 240: the scene fourfold, moved right by 8 pixels each time."""
    path = tmp_path_factory.mktemp("clip") / "a clip.avi"
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (240, 160)
    )
    for frame in frames():
        writer.write(frame[..., ::-1])
    writer.release()
    return path


def frames():
    large = np.kron(scene(), np.ones([4, 4, 1], np.uint8))
    return [np.roll(large, 8 * i, axis=1) for i in range(5)]


def test_a_video_is_annotated(model, clip, tmp_path):
    """The box is 4 times that of the scene: x 40, y 20, 160 x 80; then x 48, ..."""
    output = tmp_path / "out"
    command = ["detect", model, clip, "--output", output, "--min-score", "0.8"]
    assert cli.main([str(word) for word in command]) == 0
    assert sorted(p.name for p in output.iterdir()) == [
        "a clip_detections.jsonl",
        "a clip_detections.mp4",
    ]
    text = (output / "a clip_detections.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["frame"] for line in lines] == [0, 1, 2, 3, 4]
    assert [line["seconds"] for line in lines] == [0, 0.1, 0.2, 0.3, 0.4]
    for number, line in enumerate(lines):
        [found] = line["detections"]
        assert found["bbox"] == pytest.approx([40 + 8 * number, 20, 160, 80], abs=4)
        assert found["image_id"] == number and found["category_id"] == 2
    written = videos.Video(output / "a clip_detections.mp4")
    pictures = list(written)
    assert len(pictures) == 5 and written.rate == 10
    # Pictures are magnified twice, since their sides are below 400 pixels.
    assert pictures[0].shape == (320, 480, 3)
    assert np.ptp(pictures[0][196:204, 240], axis=-1).max() > 60, "a coloured line"


def test_frames_have_red_first(clip):
    video = videos.Video(clip)
    assert (video.count, video.rate, video.is_camera) == (5, 10, False)
    for seen, made in zip(video, frames(), strict=True):
        assert np.abs(seen.astype(int) - made).mean() < 5
    assert video.name.endswith("a clip.avi")


def test_images_and_videos_together_and_few_frames(model, clip, tmp_path):
    Image.fromarray(scene()).save(tmp_path / "a.png")
    output = tmp_path / "out"
    results = detect(model, [clip, tmp_path / "a.png"], output, max_frames=2)
    assert {r["image_id"] for r in results} == {1} and len(results) == 2
    lines = (output / "a clip_detections.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert (output / "a_detections.jpg").is_file()


def test_what_is_a_video(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert videos.is_video("A.MP4") and videos.is_video("0")
    assert not videos.is_video("a.png") and not videos.is_video(tmp_path)
    (tmp_path / "0").mkdir()
    assert not videos.is_video("0"), "a folder of this name"
    assert videos.stem_of("3") == "camera3" and videos.stem_of("x/b.mp4") == "b"


def test_a_camera_is_ended_by_its_user(model, tmp_path, monkeypatch):
    """Three frames, then Ctrl-C: they are kept."""

    class Camera:
        def __init__(self, number):
            assert number == 7
            self.left = 3

        def isOpened(self):
            return True

        def get(self, _):
            return 0.0

        def read(self):
            # Not the signal itself: a background job of a shell ignores it.
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            return True, scene()

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.chdir(tmp_path)
    detector = od_api.load(model)
    assert videos.annotate(detector, "7", tmp_path, Limits()) == 3
    lines = (tmp_path / "camera7_detections.jsonl").read_text().splitlines()
    assert [json.loads(line)["seconds"] for line in lines] == [0, 0.033, 0.067]


def test_what_cannot_be_read(model, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    output = tmp_path / "out"
    for video, words in (
        ("text.mp4", r"text\.mp4 cannot be opened: it is no video, or damaged"),
        ("none.mp4", r"there is no video none\.mp4"),
        ("97", "camera 97 cannot be opened: is it connected"),
    ):
        with pytest.raises(UserError, match=words):
            detect(model, [video], output)
        assert list(output.iterdir()) == []
    with pytest.raises(UserError, match="files of one name"):
        detect(model, ["a/b.mp4", "c/B.avi"], output)
    with pytest.raises(UserError, match="--max-frames is 0"):
        detect(model, [clip], output, max_frames=0)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match=r"pip install 'od-api\[video\]'"):
        detect(model, [clip], output)


def test_a_video_that_is_cut_short(model, clip, tmp_path, caplog):
    cut = tmp_path / "cut.avi"
    raw = clip.read_bytes()
    cut.write_bytes(raw[: -len(raw) // 4])
    detect(model, [cut], tmp_path / "out")
    lines = (tmp_path / "out" / "cut_detections.jsonl").read_text().splitlines()
    assert 0 < len(lines) < 5
    assert "of 5 frames could be read" in caplog.text
