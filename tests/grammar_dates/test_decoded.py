"""What a decoder may write for dates, times and amounts: what was said, and nothing that cannot be read."""

import random

import pytest

from h2b.grammar.kinds import KINDS
from h2b.grammar.spoken import SPACE, Acceptor
from h2b.language import language
from tests.grammar_dates.understanding import CODES, NAMES, outcome, verdict_on

WALKS = 60
LONGEST_BYTES = 90
SAID = (
    ("date", "en", "april twenty ninth nineteen eighty eight"),
    ("date", "en", "april 29th 1988"),
    ("date", "en", "the third of march two thousand and five"),
    ("date", "en", "tomorrow"),
    ("date", "en", "july twenty twenty five"),
    ("date", "fr", "le premier mai deux mille vingt cinq"),
    ("date", "fr", "13 décembre"),
    ("date", "fr", "mardi prochain"),
    ("date", "es", "el tres de marzo de mil novecientos ochenta y cuatro"),
    ("date", "es", "pasado mañana"),
    ("date", "de", "am dritten märz neunzehnhundertvierundachtzig"),
    ("date", "de", "in zwei wochen"),
    ("time", "en", "half past two pm"),
    ("time", "en", "14 30"),
    ("time", "fr", "huit heures moins le quart"),
    ("time", "es", "las tres y cuarto"),
    ("time", "de", "halb drei"),
    ("number", "en", "minus three point one four"),
    ("number", "de", "zwölftausend dreihundert"),
    ("currency", "en", "twelve euros fifty"),
    ("currency", "fr", "vingt trois euros cinquante"),
    ("age", "en", "thirty two years old"),
)


def acceptor_of(name: str, code: str) -> Acceptor:
    acceptor = KINDS[name].acceptor({}, language(code))
    assert acceptor is not None
    return acceptor


def accepts(acceptor: Acceptor, text: str) -> bool:
    positions = acceptor.start()
    for byte in text.encode():
        positions = acceptor.arcs(positions).get(byte, frozenset())
    return acceptor.accepts(positions)


@pytest.mark.parametrize(("name", "code", "text"), SAID)
def test_what_was_said_may_be_written(name, code, text):
    assert accepts(acceptor_of(name, code), text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("date", "hello"),
        ("date", "third third"),
        ("date", "march march"),
        ("date", "one two six"),
        ("time", "half two three"),
        ("number", "one two"),
        ("currency", "euros"),
        ("age", "one hundred thirty one"),
    ],
)
def test_other_words_may_not_be_written(name, text):
    assert not accepts(acceptor_of(name, "en"), text)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", NAMES)
def test_what_may_be_written_can_be_read(name, code):
    acceptor = acceptor_of(name, code)
    chance = random.Random(f"{name} {code}")
    unread = [
        text for text in (walk(acceptor, chance) for _ in range(WALKS)) if text and not readable(name, code, text)
    ]
    assert unread == []


def walk(acceptor: Acceptor, chance: random.Random) -> str:
    """A random text that the acceptor takes, in words; empty when the walk grew too long."""
    positions = acceptor.start()
    text = b""
    while len(text) < LONGEST_BYTES:
        if acceptor.accepts(positions) and chance.random() < 0.4:
            return text.decode()
        arcs = {byte: after for byte, after in acceptor.arcs(positions).items() if not chr(byte).isdigit()}
        if not arcs:
            return text.decode() if acceptor.accepts(positions) else ""
        byte = chance.choice(sorted(arcs))
        if byte == SPACE and not any(not chr(next_).isdigit() for next_ in acceptor.arcs(arcs[byte])):
            return text.decode() if acceptor.accepts(positions) else ""
        text += bytes([byte])
        positions = arcs[byte]
    return ""


def readable(name: str, code: str, text: str) -> bool:
    return outcome(verdict_on(name, code, text)) != "none"
