"""Files of operators and testers, damaged: settings, presets, tariffs, tests, recordings."""

import io
import struct
import wave
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2b.audio.files import AudioFileError, read_audio, read_wav
from h2b.cli.audio_tests import load_test
from h2b.configfile import load_configuration, parse_configuration
from h2b.grammar.catalogue import load_preset, load_toml, shipped_folder
from h2b.model.errors import ConfigurationError
from h2b.model.formats import AudioFormat
from h2b.usage.tariff import load_tariff, parse_tariff
from tests.fuzz.damage import cases, damaged, damaged_text, read_or_refused

SAMPLES = Path(__file__).parents[2] / "docs" / "samples"
DEEP = "a = " + "[" * 5000
LONG = "a = " + "9" * 5000
LONG_TOO = "a = 0x" + "f" * 5000
DEEP_TOO = "a." * 500 + "b = 1"
TOML_SIGNS = (
    b"[a]\n",
    b"[[a]]\n",
    b"a.b=1\n",
    b"'''",
    b'"""',
    b"= 1\n",
    b"= [1]\n",
    b"= {}\n",
    b"1979-05-27",
    b"#",
    b"~x/",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


SETTINGS = [
    (SAMPLES / "h2b.toml").read_bytes(),
    b'[server]\nwebsocket = "127.0.0.1:0"\n[mrcp]\nusers = { ivr = "x" }\nallow = ["10.0.0.0/8"]\nrtp_ports = "2-9"\n',
    b'[limits]\nidle_s = 1.5\nsession_s = 10\n[asr]\nwhisper_directory = "~/x"\n[grammars]\nfetch_hosts = ["a.b:1"]\n',
    b"[defaults]\nspeech_language = 'fr'\nno_input_timeout = 5000\n[endpointing]\n[usage]\npath = ':none:'\n[log]\n",
]


@cases()
@given(damaged_text(SETTINGS, TOML_SIGNS))
def test_damaged_settings(text: str) -> None:
    read_or_refused(lambda: parse_configuration(text, "h2b.toml"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (DEEP, "x: not TOML: more than 32 tables and arrays in one another"),
        (LONG, "x: not TOML: an integer of more than 64 bits"),
        ("[limits]\nidle_s = 1" + "0" * 400, "x: not TOML: an integer of more than 64 bits"),
        ('[asr]\nwhisper_directory = "~nobody-of-this-name/x"', "x:2: whisper_directory in [asr]: got '~nobody"),
        ('[asr]\nwhisper_directory = "a\\u0000b"', "x:2: whisper_directory in [asr]: got 'a\\x00b', expected a path"),
    ],
)
def test_settings_that_no_number_and_no_path_can_hold(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_configuration(text, "x")
    assert str(refused.value).startswith(why)


PRESETS = [path.read_bytes() for path in sorted(shipped_folder().rglob("*.toml"))]
PRESET_SIGNS = (b"type = 'digits'\n", b"[parameters.x]\n", b"default = 5\n", b"[[examples]]\n", b"value = {a=1}\n")


@cases(300)
@given(damaged(PRESETS, (*TOML_SIGNS, *PRESET_SIGNS)))
def test_damaged_presets(folder: Path, octets: bytes) -> None:
    path = folder / "preset.toml"
    path.write_bytes(octets)
    read_or_refused(lambda: load_toml(path, folder))


GRAMMARS = [path.read_bytes() for path in sorted(SAMPLES.rglob("*.grxml")) + sorted(SAMPLES.rglob("*.gram"))] or [
    b'<grammar xmlns="http://www.w3.org/2001/06/grammar" version="1.0" xml:lang="en" root="r"><rule id="r">a</rule>'
    b"</grammar>"
]


@cases(100)
@given(damaged(GRAMMARS, (b'<ruleref uri="', b"../x.grxml#r", b"\0")), st.sampled_from([".grxml", ".gram"]))
def test_damaged_srgs_presets(folder: Path, octets: bytes, suffix: str) -> None:
    path = folder / f"preset{suffix}"
    path.write_bytes(octets)
    read_or_refused(lambda: load_preset(path, folder))


TARIFFS = [(SAMPLES / "tariff.toml").read_bytes()]


@cases()
@given(damaged_text(TARIFFS, TOML_SIGNS))
def test_damaged_tariffs(text: str) -> None:
    read_or_refused(lambda: parse_tariff(text, "tariff.toml"))


TESTS = [
    b'audio = "a.wav"\ngrammars = ["builtin:speech/boolean"]\nskip = false\n[params]\nspeech_language = "en"\n'
    b'no_input_timeout = 5000\n[expected]\ncompletion_cause = "Success"\n[expected.interpretation]\n'
    b'type = "builtin:speech/boolean"\nvalue = true\nconfidence = 0.5\n'
]


@cases()
@given(damaged(TESTS, TOML_SIGNS))
def test_damaged_tests(folder: Path, octets: bytes) -> None:
    path = folder / "one.test"
    path.write_bytes(octets)
    read_or_refused(lambda: load_test(path))


@pytest.mark.parametrize("text", [DEEP, DEEP_TOO, LONG, LONG_TOO])
def test_toml_without_an_end_is_refused_everywhere(folder: Path, text: str) -> None:
    path = folder / "odd.toml"
    path.write_text(text)
    for load in (load_configuration, load_tariff, load_test, lambda path: load_toml(path, folder)):
        with pytest.raises(ConfigurationError, match="not TOML"):
            load(path)


def test_a_recording_of_no_possible_name_cannot_be_read() -> None:
    with pytest.raises(AudioFileError, match="cannot be read"):
        read_audio("a\0.wav")


def waves() -> list[bytes]:
    made = []
    for channels, width, rate in ((1, 2, 8000), (2, 2, 16000), (1, 1, 44100)):
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setnchannels(channels)
            writer.setsampwidth(width)
            writer.setframerate(rate)
            writer.writeframes(bytes(range(200)) * channels * width)
        made.append(file.getvalue())
    law = (
        b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 6, 1, 8000, 8000, 1, 8)
        + b"data"
        + struct.pack("<I", 160)
        + bytes(160)
    )
    return [*made, b"RIFF" + struct.pack("<I", len(law)) + law]


WAVE_SIGNS = (b"data", b"fmt ", b"LIST", b"\xff\xff\xff\xff", b"\x01\0", b"\xfe\xff", b"\0\0\0\0", b"\0\0\0\x7f")


@cases(400)
@given(damaged(waves(), WAVE_SIGNS))
def test_damaged_recordings(content: bytes) -> None:
    read_or_refused(lambda: read_wav("a.wav", content))


@cases(400)
@given(
    st.sampled_from([1, 6, 7, 0xFFFE, 3]),
    st.integers(0, 65_535) | st.sampled_from([1, 2]),
    st.integers(0, 2**32 - 1) | st.integers(0, 100),
    st.sampled_from([0, 8, 16, 24, 65_535]),
    st.integers(0, 3000),
)
def test_any_format_of_sound(tag: int, channels: int, rate: int, bits: int, size: int) -> None:
    head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, tag, channels, rate, rate, 1, bits)
    read_or_refused(lambda: read_wav("a.wav", head + b"data" + struct.pack("<I", size) + bytes(size)))


@cases()
@given(st.binary(max_size=60), st.sampled_from(AudioFormat))
def test_any_octets_are_sound_or_refused(folder: Path, content: bytes, audio_format: AudioFormat) -> None:
    path = folder / "sound"
    path.write_bytes(content)
    read_or_refused(lambda: read_audio(path, audio_format))
