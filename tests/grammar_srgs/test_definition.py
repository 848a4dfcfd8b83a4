"""What is remembered of grammars that clients send: the same answer as long as everything they refer to is the same."""

import pytest

from h2b.grammar import definition
from h2b.grammar.definition import Readings
from h2b.grammar.srgs.loader import CannotRead
from h2b.model.errors import GrammarDefinitionError

XML = "application/srgs+xml"
HEAD = '<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="r"'


def saying(word: str) -> bytes:
    return f'{HEAD}><rule id="r" scope="public">{word}</rule></grammar>'.encode()


def referring(uri: str) -> bytes:
    return saying(f'<ruleref uri="{uri}"/>')


class Places:
    """Documents by URI, and how often each was asked for."""

    def __init__(self, **documents: bytes) -> None:
        self.documents = documents
        self.asked: list[str] = []

    def __call__(self, uri: str) -> bytes | None:
        self.asked.append(uri)
        return self.documents.get(uri)


def test_a_grammar_is_read_once() -> None:
    readings, places = Readings(), Places(a=referring("b"), b=saying("yes"))
    source = referring("a")
    first = readings.read(source, "menu", XML, places)
    assert readings.read(source, "menu", XML, places) is first
    assert places.asked == ["a", "b"] * 2


def test_it_is_read_again_when_something_it_refers_to_is_another() -> None:
    readings, source = Readings(), referring("a")
    yes, no = Places(a=saying("yes")), Places(a=saying("no"))
    found = [readings.read(source, "menu", XML, places) for places in (yes, no, yes, no)]
    assert found[0] is found[2]
    assert found[1] is found[3]
    assert found[0].arguments != found[1].arguments


def test_uri_and_media_type_belong_to_what_was_asked() -> None:
    readings, places = Readings(), Places()
    one = readings.read(saying("yes"), "one", XML, places)
    assert readings.read(saying("yes"), "other", XML, places) is not one
    with pytest.raises(GrammarDefinitionError):
        readings.read(saying("yes"), "one", "application/srgs", places)


def test_what_is_wrong_is_remembered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    readings, source = Readings(), referring("a")

    def down(uri: str) -> bytes | None:
        raise CannotRead("its server is down")

    for places, why in [(Places(a=b"<"), "line 1: not well-formed XML"), (Places(), "'a'"), (down, "server is down")]:
        for _ in range(2):
            with pytest.raises(GrammarDefinitionError, match=why):
                readings.read(source, "menu", XML, places)
            monkeypatch.setattr(definition.Documents, "read", None)
        monkeypatch.undo()
    assert readings.read(source, "menu", XML, Places(a=saying("yes")))


def test_what_a_resolver_raises_of_its_own_goes_through_and_is_not_remembered() -> None:
    readings, source = Readings(), referring("a")

    def broken(uri: str) -> bytes | None:
        raise KeyError(uri)

    for _ in range(2):
        with pytest.raises(KeyError):
            readings.read(source, "menu", XML, broken)
    assert readings.read(source, "menu", XML, Places(a=saying("yes")))
    with pytest.raises(KeyError):
        readings.read(source, "menu", XML, broken)


@pytest.mark.parametrize(("limit", "kept"), [("MAXIMUM_KEPT", 3), ("MAXIMUM_KEPT_BYTES", 2000)])
def test_little_is_remembered(monkeypatch: pytest.MonkeyPatch, limit: str, kept: int) -> None:
    monkeypatch.setattr(definition, limit, kept)
    readings, places = Readings(), Places()
    words = [f"w{number}" for number in range(10)]
    first = [readings.read(saying(word), "menu", XML, places) for word in words]
    again = [readings.read(saying(word), "menu", XML, places) for word in reversed(words)]
    same = [one is other for one, other in zip(reversed(first), again, strict=True)]
    assert same[:2] == [True, True]
    assert not any(same[5:])


def test_one_that_is_larger_than_all_that_is_remembered_is_still_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definition, "MAXIMUM_KEPT_BYTES", 10)
    readings, places = Readings(), Places()
    assert readings.read(saying("a"), "menu", XML, places) is readings.read(saying("a"), "menu", XML, places)
