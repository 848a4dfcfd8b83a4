"""Votes on generated sound: what must be heard as voice, and all that must not."""

import numpy as np
import pytest

from h2b.audio.vad import VoiceActivity, VoiceActivitySettings, level_db, periodicity

from .signals import Samples, clicks, comfort_noise, frames, hum, joined, noise, silence, vowel


def votes(samples: Samples, settings: VoiceActivitySettings | None = None) -> list[bool]:
    voice_activity = VoiceActivity(settings)
    return [voice_activity.is_voiced(frame) for frame in frames(samples)]


def pitched(samples: Samples) -> list[bool]:
    voice_activity = VoiceActivity()
    return [voice_activity.is_voiced(frame) and voice_activity.is_pitched for frame in frames(samples)]


def test_a_vowel_on_a_quiet_line_is_voiced_and_pitched_from_end_to_end() -> None:
    sound = joined(noise(1, 8), vowel(0.4), noise(1, 8))
    assert votes(sound)[49:52] == [False, True, True]
    assert all(votes(sound)[50:70])
    assert all(pitched(sound)[51:69])
    assert not any(votes(sound)[70:])


@pytest.mark.parametrize("hertz", [80, 120, 180, 250, 350])
def test_deep_and_high_voices_have_pitch(hertz: float) -> None:
    assert all(pitched(joined(noise(1, 8), vowel(0.3, hertz=hertz)))[51:64])


def test_a_call_may_begin_with_speech() -> None:
    assert sum(votes(vowel(0.4))) >= 18


@pytest.mark.parametrize(
    "sound",
    [
        silence(5),
        noise(5, 8),
        noise(5, 100),
        noise(10, 800)[32000:],
        hum(5, 100),
        hum(5, 100, hertz=60),
        comfort_noise(5, 60),
    ],
    ids=["digital silence", "idle line", "noise", "loud noise", "hum 50", "hum 60", "comfort noise"],
)
def test_steady_sounds_do_not_vote(sound: Samples) -> None:
    assert sum(votes(sound)[50:]) <= 2


def test_quiet_crosstalk_does_not_vote() -> None:
    assert not any(votes(joined(silence(1), vowel(1, rms=25), silence(1))))


def test_noise_that_starts_suddenly_has_no_pitch() -> None:
    sound = joined(noise(2, 8), noise(2, 300), noise(1, 8))
    assert sum(votes(sound)) > 8
    assert sum(pitched(sound)) == 0


def test_speech_in_noise_still_votes() -> None:
    sound = noise(4, 100)
    sound[16000:19200] += vowel(0.4, rms=1500)
    assert all(votes(sound)[101:119])
    assert sum(votes(sound)[125:]) <= 2


def test_the_floor_follows_a_line_that_becomes_noisy_and_quiet_again() -> None:
    sound = joined(noise(2, 8), noise(6, 60), noise(2, 8), vowel(0.2, rms=150))
    assert not any(votes(sound)[150:400])
    assert all(votes(sound)[501:509])


def test_a_click_votes_for_its_own_length_only() -> None:
    assert max(sum(votes(clicks(2, every=1))[at : at + 12]) for at in range(80)) <= 2


def test_settings_are_obeyed() -> None:
    sound = joined(noise(1, 8), vowel(0.4, rms=300))
    assert any(votes(sound))
    assert not any(votes(sound, VoiceActivitySettings(quiet_db=60)))
    assert not any(votes(sound, VoiceActivitySettings(margin_db=60)))
    with pytest.raises(ValueError):
        VoiceActivitySettings(mode=4)


def test_level_is_decibels_without_the_offset() -> None:
    assert level_db(np.full(160, 5000, np.float32)) == 0
    assert level_db(np.array([110, -90] * 80, np.float32)) == pytest.approx(40)


def test_periodicity_tells_vowels_from_noise() -> None:
    assert periodicity(vowel(0.1)[400:640].astype(np.float32)) > 0.9
    assert periodicity(noise(0.03, 500).astype(np.float32)) < 0.4
    assert periodicity(np.zeros(240, np.float32)) == 0
