from od_api.pages.colours import COLOURS, DARK_COLOURS
from od_api.pages.html_page import as_page


def test_title_is_text_and_everything_is_inside():
    page = as_page("a < b", "<p>body</p>", style="p { margin: 0; }", script="f();")
    assert page.count("a &lt; b") == 2 and "a < b" not in page
    assert "<p>body</p>" in page and "p { margin: 0; }" in page and "f();" in page
    assert "src=" not in page and "http" not in page


def test_marks_in_the_body_stay():
    assert "<!--STYLE-->" in as_page("t", "<!--STYLE-->")


def test_every_colour_is_there_for_light_and_dark():
    page = as_page("t", "")
    last = len(COLOURS) - 1
    pair = f"light-dark({COLOURS[last]}, {DARK_COLOURS[last]})"
    assert f"--hue-{last}: {pair};" in page
    assert f"--hue-{last + 1}:" not in page
