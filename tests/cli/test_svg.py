"""Words in a picture: none covers another, whatever stands where."""

import xml.etree.ElementTree as ElementTree
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from h2b.cli.svg import Drawing, Ground, Label, cut_to_width, words_width

GROUND = Ground(left=100.0, right=1100.0, size=12.0, gap=6.0)

marks = st.floats(100.0, 700.0)
words = st.text("abcXYZ 0123456789", min_size=1, max_size=40)
labels = st.builds(
    lambda left, length, words: Label(left=left, right=min(left + length, 1100.0), words=words),
    st.floats(100.0, 1090.0),
    st.floats(1.0, 400.0),
    words,
)


def covered(label: Label) -> tuple[float, float]:
    """What the mark and the words of a placed label cover."""
    width = words_width(label.words, GROUND.size)
    start = label.x - width if label.anchor == "end" else label.x
    return min(label.left, start), max(label.right, start + width)


@given(st.lists(labels, max_size=30), st.booleans())
def test_labels_of_one_row_do_not_touch(asked, stems):
    for one, other in combinations(GROUND.place(asked, stems), 2):
        if one.row == other.row:
            (_, first_end), (second_start, _) = sorted((covered(one), covered(other)))
            assert first_end < second_start


@given(st.lists(st.builds(lambda at, words: Label(left=at, right=at + 2, words=words), marks, words), max_size=30))
def test_a_stem_crosses_no_words_on_its_way_down(asked):
    placed = GROUND.place(asked, stems=True)
    for hanging, other in [(a, b) for a in placed for b in placed if a.row > b.row]:
        assert hanging.right < other.x or covered(other)[1] < hanging.left


@given(st.lists(labels, max_size=30))
def test_words_stay_on_their_ground(asked):
    for label in GROUND.place(asked):
        start, end = covered(label)
        assert start >= 100.0
        assert end <= 1100.0 or label.left - 2 * GROUND.gap - words_width(label.words, 12.0) < 100.0


def test_words_go_into_a_mark_that_has_room_for_them():
    (label,) = GROUND.place([Label(left=200.0, right=600.0, words="roomy")])
    assert (label.x, label.anchor) == (206.0, "start")


def test_words_at_the_end_stand_before_their_mark():
    (label,) = GROUND.place([Label(left=1090.0, right=1100.0, words="late")])
    assert (label.x, label.anchor) == (1084.0, "end")


@given(st.text(max_size=200), st.floats(20.0, 500.0))
def test_cut_words_fit(words, width):
    cut = cut_to_width(words, 12.0, width)
    assert words_width(cut, 12.0) <= width
    assert cut == words or cut.endswith("…")


def test_a_drawing_is_xml_whatever_it_says():
    drawing = Drawing(100.0)
    drawing.rect(0, 0, 10, 10, 'a"b', tip="<&>")
    drawing.words(0, 0, "<script>&amp;", "words", 12)
    tree = ElementTree.fromstring(drawing.finish(50, "text { fill: red; }", "a < b", "c & d"))
    assert tree.get("viewBox") == "0 0 100 50"
    texts = [element.text for element in tree.iter()]
    assert {"<script>&amp;", "<&>", "a < b", "c & d"} <= set(texts)
