"""Other answers that the grammar's search found near the best: they make it less sure, or take its place."""

import math

import pytest

from h2b.grammar.catalogue import load_catalogue
from h2b.grammar.interpret import SHARE_POWER, Verdict, interpret
from h2b.model.results import Hypothesis, MatchClass, Path

REGISTRY = load_catalogue()
SPELLED = "builtin:speech/spelling/mixed"
PHONE = "builtin:speech/spelling/phone_number"
YES_OR_NO = "builtin:speech/boolean"


def held(transcript: str, nats: float, confidence: float = 0.9) -> Hypothesis:
    return Hypothesis(transcript=transcript, confidence=confidence, path=Path.GRAMMAR, log_probability=nats)


def judged(hypotheses: list[Hypothesis], uri: str = SPELLED, code: str = "fr", n_best: int = 1) -> Verdict:
    return interpret(hypotheses, [REGISTRY.activate(uri, code)], n_best)


def values(verdict: Verdict) -> list[object]:
    return [each.interpretation.value for each in verdict.alternatives if each.interpretation]


def test_an_answer_alone_is_as_sure_as_its_words() -> None:
    assert judged([held("f w d g 0", -3.0)]).confidence == pytest.approx(0.9)


def test_an_answer_is_less_sure_the_nearer_its_rivals_are() -> None:
    even = judged([held("f w d g 0", -3.0), held("f w v d g 0", -3.0)])
    near = judged([held("f w d g 0", -3.0), held("f w v d g 0", -4.0)])

    assert values(even) == values(near) == ["fwdg0"]
    assert even.confidence == pytest.approx(0.9 * 0.5**SHARE_POWER)
    assert near.confidence == pytest.approx(0.9 * (1 / (1 + math.exp(-1))) ** SHARE_POWER)


def test_the_same_value_in_other_words_is_no_rival() -> None:
    verdict = judged([held("yes", -1.0), held("yes please", -1.2)], YES_OR_NO, "en")

    assert verdict.confidence == pytest.approx(0.9)


def test_a_rival_is_no_alternative_that_was_asked_for() -> None:
    hypotheses = [held("b 1", -3.0, confidence=0.5), held("d 1", -3.5, confidence=0.9)]

    assert values(judged(hypotheses)) == ["b1"]
    assert sorted(map(str, values(judged(hypotheses, n_best=2)))) == ["b1", "d1"]


def test_where_the_likeliest_words_are_no_answer_the_next_ones_are() -> None:
    """There are no numbers with 07 25 in the French plan."""
    verdict = judged([held("0 7 25 83 65 69", -3.0), held("0 7 55 83 65 69", -4.0)], PHONE)

    assert verdict.match is MatchClass.COMPLETE
    assert values(verdict) == ["+33755836569"]


def test_an_engine_that_tells_no_chances_gives_its_own_confidence() -> None:
    assert judged([held("b 1", 0.0), held("d 1", 0.0)]).confidence == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("zéro quatre vingt huit quarante cinq soixante huit soixante huit", "+33428456868"),
        ("zéro huit zéro huit quarante cinq soixante huit soixante huit", "+33808456868"),
        ("zéro huit cent huit quarante cinq soixante huit soixante huit", "+33808456868"),
        ("zéro un quatre vingt trois onze vingt trois quatre vingt trois", "+33183112383"),
    ],
)
def test_french_telephone_numbers_are_read_in_pairs_where_both_ways_are_numbers(said: str, value: str) -> None:
    said_freely = Hypothesis(transcript=said, confidence=0.9)

    assert values(judged([said_freely], PHONE)) == [value]
