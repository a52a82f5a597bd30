"""Names of files and folders tell which part of a data set they are of."""

import pytest

from od_api.init.part_names import part_of, part_of_folder


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("annotations/instances_train2017.json", "train"),
        ("valid/_annotations.coco.json", "val"),
        ("images/val/a.jpg", "val"),
        ("train/data/test.json", "test"),
        ("data.record-00000-of-00002", "whole"),
        ("trainval.txt", "whole"),
        ("Training/labels/a.txt", "train"),
        ("train_val.json", "whole"),
    ],
)
def test_the_inner_name_comes_first(path, part):
    assert part_of(path) == part


def test_an_image_may_be_called_as_a_part_is():
    assert part_of_folder("photos/test.jpg") == "whole"
    assert part_of_folder("val/train.jpg") == "val"
