"""Endpointing on real telephone speech, every fifth recording, with silence put around it.

Sentences read out for FLEURS are left out: they come with the noise of their rooms, and no edge to compare with.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from h2b.audio.endpoint import Endpointer, EndpointEvent, SpeechAudio, SpeechPaused, SpeechStarted
from h2b.audio.files import read_audio
from h2b.audio.vad import VoiceActivity

from .signals import Samples, frames, joined, noise, silence


@pytest.fixture(scope="module")
def recordings(speech_folder: Path) -> dict[str, Samples]:
    with (speech_folder / "manifest.tsv").open(encoding="utf-8") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {row["id"]: read_audio(speech_folder / row["file"]) for row in rows[::5] if row["source"] != "fleurs"}


def turns(samples: Samples) -> list[EndpointEvent]:
    endpointer, voice_activity = Endpointer(), VoiceActivity()
    return [
        event
        for frame in frames(samples)
        for event in endpointer.push(frame, voice_activity.is_voiced(frame), voice_activity.is_pitched)
        if not isinstance(event, SpeechAudio)
    ]


def loud_seconds(samples: Samples) -> list[float]:
    """When frames are within 15 dB of the recording's loud ones: surely speech."""
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    levels = 10 * np.log10(blocks.var(axis=1) + 1)
    return [index * 0.02 for index in np.flatnonzero(levels > np.percentile(levels, 95) - 15)]


@pytest.mark.parametrize("line", [silence, lambda seconds: noise(seconds, 8)], ids=["digital silence", "idle line"])
def test_every_recording_starts_once_in_time_and_ends_in_a_pause(recordings: dict[str, Samples], line) -> None:
    wrong = []
    for name, samples in recordings.items():
        events = turns(joined(line(1), samples, line(1.5)))
        loud = loud_seconds(samples)
        starts = [event for event in events if isinstance(event, SpeechStarted)]
        late = len(starts) != 1 or starts[0].start_sample / 8000 - 1 > loud[0] + 0.2
        cut_off = not isinstance(events[-1], SpeechPaused) or events[-1].end_sample / 8000 - 1 < loud[-1] - 0.2
        if late or cut_off:
            wrong.append(name)
    assert wrong == []


def test_a_call_with_noise_before_and_a_click_after_is_one_utterance(speech_folder: Path) -> None:
    # from 0.1 s on: noise to 0.14, speech from 1.1 to 5.1, a click at 6.3
    samples = read_audio(speech_folder / "wav" / "uhlive_fr_address_ok.wav")[800:]
    events = turns(samples)
    assert [event.start_sample / 8000 for event in events if isinstance(event, SpeechStarted)] == [
        pytest.approx(1.1, abs=0.1)
    ]
    assert isinstance(events[-1], SpeechPaused)
    assert events[-1].end_sample / 8000 == pytest.approx(5.1, abs=0.1)


def test_a_spelled_parcel_number_is_one_utterance(speech_folder: Path) -> None:
    samples = read_audio(speech_folder / "wav" / "uhlive_parcel_number.wav")[800:]
    events = turns(joined(samples, silence(1)))
    assert [event.start_sample / 8000 for event in events if isinstance(event, SpeechStarted)] == [
        pytest.approx(1.1, abs=0.1)
    ]
    assert isinstance(events[-1], SpeechPaused)
    assert events[-1].end_sample / 8000 == pytest.approx(7.4, abs=0.1)
