"""The picture of a recognition: everything that happened is in it, where it happened."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from attrs import evolve

from h2b.audio.endpoint import SpeechPaused
from h2b.cli.offline import Account
from h2b.cli.timeline import DARK_STYLE, LEFT, RIGHT, STYLE, draw_timeline
from h2b.model.errors import EngineError
from tests.cli.running import TellingEngine, telling
from tests.cli.test_offline import ANSWER, ended, recognise
from tests.protocol.line import silence, voice

SVG = "{http://www.w3.org/2000/svg}"


def picture(account) -> ElementTree.Element:
    return ElementTree.fromstring(draw_timeline(account))


def texts(tree: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in tree.iter(f"{SVG}text")]


def elements(tree: ElementTree.Element, style: str) -> list[ElementTree.Element]:
    return [element for element in tree.iter() if element.get("class") == style]


def position(account, x: float) -> float:
    """The second of the recording that stands at a place of the picture."""
    return (x - LEFT) / (RIGHT - LEFT) * account.position


def test_the_head_tells_cause_value_and_words():
    said = texts(picture(recognise(ANSWER)))
    assert said[0] == 'Success "4712"'
    assert said[1] == "success, confidence 0.90 · builtin:speech/spelling/digits?length=4 · en · normal mode"
    assert said[2] == "“four seven one two”"


def test_every_event_has_its_name_and_second():
    account = recognise(ANSWER)
    said = texts(picture(account))
    spoken = next(at for at, event in account.events if event.name.value == "start of input")
    assert "RECOGNITION-IN-PROGRESS 0.00 s" in said
    assert f"START-OF-INPUT {spoken:.2f} s" in said
    assert f"RECOGNITION-COMPLETE {account.position:.2f} s" in said


def test_the_bar_of_the_fired_timer_runs_from_the_end_of_speech_to_the_end():
    account = recognise(ANSWER)
    tree = picture(account)
    (bar,) = elements(tree, "fired")
    left = float(bar.get("x", ""))
    right = left + float(bar.get("width", ""))
    assert position(account, left) == pytest.approx(ended(account, SpeechPaused), abs=0.001)
    assert position(account, right) == pytest.approx(account.position, abs=0.001)
    assert "speech_complete_timeout 800 ms fired" in texts(tree)


def test_timers_that_did_not_fire_are_shown_without_saying_so():
    said = texts(picture(recognise(ANSWER)))
    assert "no_input_timeout 5000 ms" in said
    assert "recognition_timeout 10000 ms" in said


def test_votes_stand_over_the_voice():
    account = recognise(ANSWER)
    bars = elements(picture(account), "vote")
    first = position(account, float(bars[0].get("x", "")))
    last = bars[-1]
    end = position(account, float(last.get("x", "")) + float(last.get("width", "")))
    assert first == pytest.approx(1.0, abs=0.06)
    assert end == pytest.approx(2.0, abs=0.12)


def test_decodings_show_what_was_found_and_their_tips_what_was_heard():
    answers = TellingEngine(lambda seconds: "four seven" if seconds < 1.8 else "four seven one two")
    tree = picture(recognise(ANSWER + silence(0.5) + voice(1.0), answers))
    assert 'partial "47"' in texts(tree)
    assert any(words.startswith('complete "4712", ready ') for words in texts(tree))
    tips = [title.text or "" for mark in elements(tree, "decode") for title in mark.iter(f"{SVG}title")]
    assert re.fullmatch(r"1\.\d\d s of speech decoded in \d+ ms: “four seven” 0\.90", tips[0])


def spent(seconds: float) -> Account:
    """A recognition whose last decoding took that long."""
    account = recognise(ANSWER)
    account.decodings[-1] = evolve(account.decodings[-1], spent_seconds=seconds)
    return account


def test_the_decoding_is_as_long_as_it_took_and_stands_inside_the_silence_too():
    account = spent(0.2)
    tree = picture(account)
    (timer,) = elements(tree, "fired")
    lane, inside = elements(tree, "decode")
    for mark in (lane, inside):
        left, width = float(mark.get("x", "")), float(mark.get("width", ""))
        assert position(account, left) == pytest.approx(account.decodings[-1].position, abs=0.001)
        assert position(account, left + width) == pytest.approx(account.decodings[-1].position + 0.2, abs=0.001)
        assert left > float(timer.get("x", ""))
    # The silence of 800 ms, less the 300 ms until it was a pause, less the 200 ms.
    assert 'complete "4712", ready 300 ms before the timer' in texts(tree)


def test_a_decoding_that_outlasts_the_silence_says_how_long_the_caller_waits():
    account = spent(0.65)
    assert account.spare_seconds == pytest.approx(-0.15)
    tree = picture(account)
    assert 'complete "4712", 150 ms after the timer' in texts(tree)
    assert all(
        float(mark.get("x", "")) + float(mark.get("width", "")) < RIGHT + 0.1 for mark in elements(tree, "decode")
    )


def test_where_no_silence_ended_it_nothing_was_hidden():
    account = recognise(silence(1.0), None, no_input_timeout=2000)
    assert (account.decisive, account.spare_seconds) == (None, None)


def test_endpoints_are_named_where_they_were_decided():
    answers = TellingEngine(lambda seconds: "four seven")
    account = recognise(ANSWER + silence(0.5) + voice(1.0), answers)
    said = texts(picture(account))
    for event, verb in zip(account.endpoints, ("speech starts", "pause", "resumes", "pause"), strict=True):
        assert f"{verb} {event.at_sample / 8000:.2f} s" in said


def test_a_recording_without_speech_has_a_picture_too():
    said = texts(picture(recognise(silence(1.0), None, no_input_timeout=2000)))
    assert said[0] == "NoInputTimeout"
    assert "no_input_timeout 2000 ms fired" in said
    assert "recording over, silence" in said


def test_a_failed_decoding_is_told():
    tree = picture(recognise(ANSWER, telling(EngineError("out of <order>"))))
    assert texts(tree)[:2] == [
        "Error",
        "out of <order> · builtin:speech/spelling/digits?length=4 · en · normal mode",
    ]
    assert "failed" in texts(tree)


def test_words_that_match_nothing_are_shown_as_words():
    said = texts(picture(recognise(ANSWER, telling("good morning to you all and your families"))))
    assert any(words.startswith("no match “good morning to you all and…”, ready ") for words in said)


def test_a_long_hotword_call_stays_well_formed():
    phrases = b"".join(silence(2.0) + voice(0.8) for _ in range(8))
    account = recognise(phrases, telling("no idea"), "builtin:speech/spelling/digits", recognition_mode="hotword")
    assert len(elements(picture(account), "decode")) == len(account.decodings) > 3


def test_dark_pages_have_a_colour_for_all_that_light_ones_have():
    def coloured(sheet: str) -> set[str]:
        return {
            name.strip()
            for names, rule in re.findall(r"([^{}]+)\{([^}]*)\}", sheet)
            if "fill" in rule or "stroke:" in rule
            for name in names.split(",")
        }

    assert coloured(DARK_STYLE) == coloured(STYLE)


def test_every_style_used_is_defined():
    used = {element.get("class") for element in picture(recognise(ANSWER)).iter()} - {None, "", "name"}
    assert used <= set(re.findall(r"\.([a-z]+)", STYLE))
