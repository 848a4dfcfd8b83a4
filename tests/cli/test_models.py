"""`h2b models`: which languages can be recognised, and their weights made ready."""

from pathlib import Path

import pytest

from h2b.cli import models
from tests.cli.running import run, telling


def test_the_list_says_why_a_language_cannot_be_recognised(monkeypatch):
    monkeypatch.setattr(models, "available_languages", lambda options: {"en": "", "fr": "run: pip install weights"})
    result = run("models", "list")
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines()]
    assert ["en", "English", "yes"] in rows
    assert ["fr", "French", "no:", "run:", "pip", "install", "weights"] in rows


def test_prepare_tells_progress_on_standard_error_and_where_the_weights_are(monkeypatch, tmp_path):
    def load(options, report):
        assert options["languages"] == ["en"]
        report("converting the model")
        return telling("nothing")

    monkeypatch.setenv("H2B_CACHE", str(tmp_path))
    monkeypatch.setattr(models, "load_engine", load)
    monkeypatch.setattr(models, "available_languages", lambda options: {"en": "", "fr": "no"})
    result = run("models", "prepare", "--language", "en-US")
    assert result.exit_code == 0
    assert result.output == f"converting the model\nready: en\nweights: {tmp_path / 'models'}\n"


def test_prepare_of_a_language_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setattr(models, "available_languages", lambda options: {"en": "", "fr": "run: pip install weights"})
    result = run("models", "prepare", "--language", "fr")
    assert result.exit_code == 1
    assert result.output == "h2b: run: pip install weights\n"


def test_prepare_of_a_language_without_a_model_is_refused(monkeypatch):
    monkeypatch.setattr(models, "available_languages", lambda options: {"en": "", "fr": ""})
    result = run("models", "prepare", "--language", "it")
    assert result.exit_code == 2
    assert result.output == (
        "h2b models prepare: no speech model for language 'it', expected one of en, fr; see h2b models prepare --help\n"
    )


@pytest.mark.parametrize("verb", ["list", "prepare"])
def test_a_configuration_that_is_not_there_is_refused(verb):
    result = run("models", verb, "--config", str(Path("nowhere.toml")))
    assert result.exit_code == 2
    assert "'nowhere.toml' does not exist" in result.output
