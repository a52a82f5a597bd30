import numpy as np
from scenes import NOTHING, found, truth

from od_api.metrics.diagnosis.confusion import confusion, most_frequent
from od_api.metrics.image_records import ImageRecords

BOX, OTHER, FAR = [0, 0, 10, 10], [0, 1, 10, 11], [50, 50, 60, 60]


def matrix(*images, threshold=0.5, ids=(1, 2)):
    records = ImageRecords()
    for i, (groundtruth, detections) in enumerate(images):
        records.put(i, groundtruth, detections)
    return confusion(records.values(), ids, threshold).tolist()


def test_every_place_of_it_by_hand():
    right = truth([BOX]), found([BOX], [0.9])
    taken = truth([BOX]), found([BOX], [0.9], [1])
    missed = truth([FAR], [1]), found([BOX], [0.4], [1])
    alarm = truth(NOTHING), found([BOX], [0.9], [1])
    assert matrix(right, taken, missed, alarm) == [[1, 1, 0], [0, 0, 1], [0, 1, 0]]


def test_the_own_class_comes_first():
    """A better placed detection of another class does not take the object from one of
    its class, as in average precision."""
    image = truth([BOX]), found([BOX, OTHER], [0.9, 0.6], [1, 0])
    assert matrix(image) == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_among_other_classes_the_nearest_pair_comes_first():
    image = truth([BOX]), found([OTHER, BOX], [0.9, 0.6], [1, 2])
    assert matrix(image, ids=(1, 2, 3)) == [
        [0, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 1, 0, 0],
    ]


def test_crowds_count_nowhere():
    image = truth([[0, 0, 100, 100]], is_crowd=[True]), found([BOX], [0.9])
    assert np.sum(matrix(image)) == 0


def test_more_detections_than_other_metrics_look_at():
    boxes = [[0, 20 * i, 10, 20 * i + 10] for i in range(150)]
    assert matrix((truth(boxes), found(boxes, [0.9] * 150)))[0][0] == 150


def test_most_frequent():
    table = np.array([[9, 3, 5], [4, 9, 5], [7, 7, 0]])
    assert most_frequent(table, 5) == [(1, 0, 4), (0, 1, 3)]
    assert most_frequent(table, 1) == [(1, 0, 4)]
