"""The operator's file: every wrong key, type and value is refused with its line; the texts are interface."""

import tomllib
from pathlib import Path

import pytest
from attrs import fields

from h2b.config import (
    AsrSettings,
    Configuration,
    LogSettings,
    ServerSettings,
    UsageSettings,
    parse_address,
    usable_cores,
)
from h2b.configfile import attribute_docs, line_of, load_configuration, parse_configuration, reference_rows
from h2b.model.errors import ConfigurationError

GOOD = """\
# a comment
[server]
websocket = "0.0.0.0:80"
drain_s = 5

[asr]
workers = 2
languages = ["en", "fr"]
whisper_directory = "models/whisper"

[grammars]
folder = "/etc/h2b/grammars"

[defaults]
speech_language = "en"
no_input_timeout = 7000
start_input_timers = false

[endpointing]
pause_ms = 240

[usage]
path = "usage.db"
keep_transcripts = true

[log]
format = "json"
"""


def refusal(text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        parse_configuration(text, "h2b.toml")
    return str(refused.value)


def test_an_empty_file_and_no_file_are_all_defaults() -> None:
    assert parse_configuration("", "h2b.toml") == load_configuration(None) == Configuration()


def test_what_a_file_says_replaces_the_default_and_nothing_else() -> None:
    configuration = parse_configuration(GOOD, "/srv/h2b.toml")
    assert configuration.server == ServerSettings(websocket="0.0.0.0:80", drain_s=5.0)
    assert configuration.asr == AsrSettings(workers=2, languages=("en", "fr"), whisper_directory="/srv/models/whisper")
    assert configuration.grammars.folder == "/etc/h2b/grammars"
    assert configuration.defaults.speech_language == "en"
    assert configuration.defaults.no_input_timeout == 7000
    assert configuration.defaults.start_input_timers is False
    assert configuration.defaults.recognition_timeout == 10000
    assert configuration.endpointing.pause_ms == 240
    assert configuration.usage == UsageSettings(path="/srv/usage.db", keep_transcripts=True)
    assert configuration.log == LogSettings(format="json")


def test_usage_records_are_kept_in_the_state_folder_unless_the_file_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert UsageSettings().file == Path("/state/h2b/usage.db")
    monkeypatch.setenv("XDG_STATE_HOME", "")
    assert UsageSettings().file == Path.home() / ".local" / "state" / "h2b" / "usage.db"
    assert parse_configuration("[usage]\npath = 'u.db'", "/srv/h2b.toml").usage.file == Path("/srv/u.db")
    assert parse_configuration("[usage]\npath = ':none:'", "/srv/h2b.toml").usage.file is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\n\n\n\n[asr]\nworker = 1", "h2b.toml:7: unknown key 'worker' in [asr] (nearest: 'workers')"),
        ("[asr]\n'xyz' = 1", "h2b.toml:2: unknown key 'xyz' in [asr]"),
        ("asr.worker = 1", "h2b.toml:1: unknown key 'worker' in [asr] (nearest: 'workers')"),
        ("\nasr = { worker = 1 }", "h2b.toml:2: unknown key 'worker' in [asr] (nearest: 'workers')"),
        ("[log]\nlevel='info'\n[sever]\n", "h2b.toml:3: unknown table [sever] (nearest: 'server')"),
        ("workers = 4", "h2b.toml:1: unknown table [workers]"),
        ("asr = 4", "h2b.toml:1: [asr]: got 4, expected a table"),
        ("[[asr]]\nworkers = 4", "h2b.toml:1: [asr]: got [{'workers': 4}], expected a table"),
        ("[asr]\nworkers = 'four'", "h2b.toml:2: workers in [asr]: got 'four', expected an integer from 0 to 1024"),
        ("[asr]\nworkers = true", "h2b.toml:2: workers in [asr]: got True, expected an integer from 0 to 1024"),
        ("[asr]\nworkers = -1", "h2b.toml:2: workers in [asr]: got -1, expected an integer from 0 to 1024"),
        ("[asr]\nqueue_s = nan", "h2b.toml:2: queue_s in [asr]: got nan, expected a number of at least 0.1"),
        ("[asr]\nlanguages = 'en'", "h2b.toml:2: languages in [asr]: got 'en', expected a list of strings"),
        ("[asr]\nlanguages = [1]", "h2b.toml:2: languages in [asr]: got [1], expected a list of strings"),
        ("[grammars]\nfolder = 1", "h2b.toml:2: folder in [grammars]: got 1, expected a path"),
        ("[log]\nformat = 'xml'", "h2b.toml:2: format in [log]: got 'xml', expected one of 'text', 'json'"),
        (
            "[usage]\nkeep_transcripts = 1",
            "h2b.toml:2: keep_transcripts in [usage]: got 1, expected true or false",
        ),
        ("[server]\nwebsocket = 80", "h2b.toml:2: websocket in [server]: got 80, expected 'host:port'"),
        (
            "[server]\nwebsocket = 'localhost'",
            "h2b.toml:2: websocket in [server]: got 'localhost', expected host:port such as 127.0.0.1:8080",
        ),
        (
            "[defaults]\nno_input_timeout = -5",
            "h2b.toml:2: no_input_timeout in [defaults]: got -5, expected an integer from 0 to 3600000 (milliseconds)",
        ),
        (
            "[defaults]\nspeech_lang = 'fr'",
            "h2b.toml:2: unknown key 'speech_lang' in [defaults] (nearest: 'speech_language')",
        ),
        (
            "[endpointing]\npause_ms = 0.5",
            "h2b.toml:2: pause_ms in [endpointing]: got 0.5, expected an integer of at least 0",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_line_and_expectation(text: str, message: str) -> None:
    assert refusal(text) == message


def test_what_is_not_toml_is_refused_with_its_line() -> None:
    assert refusal("[log]\nlevel = info\n").startswith("h2b.toml:2: not TOML: ")
    assert refusal("[log]\nlevel = '").startswith("h2b.toml")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: cannot be read: "):
        load_configuration(tmp_path / "nowhere.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"binary\.toml: cannot be read: "):
        load_configuration(binary)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "h2b.toml"
    path.write_text(GOOD)
    assert load_configuration(path).asr.whisper_directory == str(tmp_path / "models/whisper")


def test_the_paths_of_a_table_start_at_the_file_that_holds_them(tmp_path: Path) -> None:
    path = tmp_path / "h2b.toml"
    path.write_text('[asr]\nvosk = { fr = "models/vosk", en = "/srv/vosk" }\n[asr.sherpa]\nde = "models/sherpa"\n')

    asr = load_configuration(path).asr

    assert asr.vosk == {"fr": str(tmp_path / "models/vosk"), "en": "/srv/vosk"}
    assert asr.sherpa == {"de": str(tmp_path / "models/sherpa")}


def test_a_table_of_paths_holds_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "h2b.toml"
    path.write_text("[asr]\nvosk = { fr = 1 }\n")

    with pytest.raises(ConfigurationError) as raised:
        load_configuration(path)
    assert str(raised.value) == f"{path}:2: vosk in [asr]: got {{'fr': 1}}, expected a table of paths"


def test_the_line_is_that_of_the_key_in_its_own_table() -> None:
    text = "[server]\nlevel = 1\n\n[ log ]\n# level\n  level = 2\n[log.more]\n"
    assert line_of(text, "log", "level") == 6
    assert line_of(text, "log", "format") == 4
    assert line_of(text, "asr", "level") is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", ":80", "host", "host:", "host:x", "host:65536", "::1:80", "ws://host:80", "a b:1"]
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="expected host:port"):
        parse_address(text)


def test_no_workers_means_one_for_each_core() -> None:
    assert AsrSettings().worker_count == usable_cores() >= 1
    assert AsrSettings(workers=3).worker_count == 3


def test_engine_options_are_plain_values() -> None:
    options = AsrSettings(languages=("en",), whisper_directory="/w", vosk={"fr": "/v"}).engine_options()
    assert options == {"languages": ["en"], "whisper_directory": "/w", "vosk": {"fr": "/v"}, "sherpa": {}}


def test_every_key_has_a_row_with_a_meaning_and_its_default() -> None:
    rows = {(row.table, row.key): row for row in reference_rows()}
    for table in fields(Configuration):
        for attribute in fields(type(getattr(Configuration(), table.name))):
            row = rows.pop((table.name, attribute.name))
            assert row.meaning
            assert row.expected
    assert not rows


def test_every_default_can_be_written_in_the_file() -> None:
    def literal(value: object) -> str:
        return (
            str(list(value))
            if isinstance(value, tuple)
            else str(value).lower()
            if isinstance(value, bool)
            else repr(value)
        )

    lines = [f"{row.table}.{row.key} = {literal(row.default)}" for row in reference_rows()]
    assert tomllib.loads("\n".join(lines))
    assert parse_configuration("\n".join(lines), "h2b.toml") == Configuration()


def test_docs_are_the_texts_below_the_attributes() -> None:
    assert attribute_docs(LogSettings)["level"] == "Least important lines to show."


def test_a_value_the_endpointer_refuses_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "h2b.toml"
    file.write_text("[endpointing]\npause_ms = 300\nstart_window_ms = 0\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(file)
    assert str(caught.value) == f"{file}:3: [endpointing]: 'start_window_ms' must be >= 20: 0"


def test_a_mark_of_the_encoding_at_the_begin_of_a_file_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "h2b.toml"
    path.write_bytes(b"\xef\xbb\xbf[server]\ndrain_s = 5\n")
    assert load_configuration(path).server.drain_s == 5
