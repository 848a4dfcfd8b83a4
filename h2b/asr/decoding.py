"""The one decoder: a beam search over any `SpeechModel`, free and held to grammars in the same batch.

Owns the search and the engine made of it. Knows no model's insides and no worker. The free beam runs beside the
constrained ones on one encoding, because callers wrap their answers; the sums of log-probabilities of both
paths, end token included, compare directly and tell in-grammar from out-of-grammar speech (engines reference,
sections 3.1 and 9).
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import soxr
from attrs import define, field, frozen
from numpy.typing import NDArray

from h2b.asr.automaton import TokenAutomaton, Vocabulary
from h2b.asr.base import Samples, SpeechModel, UtteranceRequest
from h2b.asr.confidence import CALIBRATIONS
from h2b.grammar.kinds import KINDS, warm_up_decoder
from h2b.grammar.kinds.base import TODAY
from h2b.grammar.registry import ActiveGrammar, primary_subtag
from h2b.language import language, normalise
from h2b.model.errors import EngineError
from h2b.model.formats import SAMPLE_RATE
from h2b.model.results import Hypothesis, Path, Recognised

MODEL_RATE = 16000
MAXIMUM_GRAMMARS_KEPT = 200
"""Compiled grammars a worker keeps, most recently used."""
MAXIMUM_CHARACTERS_KEPT = 2_000_000
"""Of their arguments, all together: a document in SRGS takes some 65 bytes of memory for each of its characters."""

LOUD_PERCENTILE = 99.5
USUAL_LOUDNESS = 0.3
"""What the loudest half per cent of samples exceed, of full scale, after levelling."""
MAXIMUM_GAIN = 20.0
"""26 dB: what is quieter is no speech."""

MAXIMUM_FREE_BEAMS = 4
"""Free beams for an n-best list: wrapped answers have their alternatives in the free words."""
RIVAL_STEPS = 1
"""Steps spent on rivals alone: a fiftieth of the time."""
RIVAL_NATS = 3.0
"""Answers of a grammar this close to the best make it less sure; those further off are a twentieth of it at most."""
LONGEST_LOOP = 16
LOOP_ROUNDS = 3
LOOP_TOKENS = 12
"""The same up to 16 tokens three times over, 12 tokens at least: no caller, but a model that has lost its place."""


@frozen
class Search:
    """How wide and how long to search."""

    beams: int = 3
    """Constrained beams; more for a longer n-best list."""
    free_beams: int = 1
    hopeless_nats: float = 30.0
    """A grammar this much less likely than the finished free words is given up: nothing it says will count."""
    tokens_per_second: float = 10.0
    """Of the constrained path: spelling is dense."""


@define
class Beam:
    """One hypothesis in the making: `row` is its place in the model's cache."""

    tokens: tuple[int, ...]
    log_probability: float
    state: int
    """Of the automaton; FREE for none."""
    row: int = 0


FREE = -1


@define
class Finished:
    """Ended hypotheses of one path, best first, and how many are wanted."""

    wanted: int
    said: Callable[[Beam], str]
    """The words of a beam: each is kept once, however the model writes them ("1 2", "one two", "One, two.")."""
    rivals: int = 0
    """How many more are kept that come near: they tell how sure the best is."""
    beams: list[Beam] = field(factory=list)
    early: list[Beam] = field(factory=list)
    """The best end that was not kept: it counts where nothing else ends."""
    _waited: int = 0

    def add(self, beam: Beam) -> None:
        best: dict[str, Beam] = {}
        for ended in sorted([*self.beams, beam], key=lambda ended: -ended.log_probability):
            best.setdefault(self.said(ended), ended)
        ranked = list(best.values())
        near = [b for b in ranked[self.wanted :] if b.log_probability > ranked[0].log_probability - RIVAL_NATS]
        self.beams = ranked[: self.wanted] + near[: self.rivals]

    def choose(self, grown: list[Beam], ended: list[Beam], width: int, last: bool) -> list[Beam]:
        """Keep the best beams of a step. Ending is one choice among others: an end that would not be among the
        `width` best is not kept, or early ends, which have few factors, would win over the words that follow."""
        grown.sort(key=lambda beam: -beam.log_probability)
        worst = grown[width - 1].log_probability if len(grown) >= width and not last else -np.inf
        for beam in ended:
            if beam.log_probability >= worst:
                self.add(beam)
            elif not self.early or beam.log_probability > self.early[0].log_probability:
                self.early = [beam]
        return [] if last else self._hopeful(grown[:width])

    def give_up(self, beams: list[Beam]) -> None:
        """Take unfinished beams as they are, where nothing ended."""
        if not self.beams:
            self.add(beams[0])

    def _hopeful(self, beams: list[Beam]) -> list[Beam]:
        """Log-probabilities only fall, so an open beam below every ended one cannot win any more: it may be a rival,
        and when there are only such, they have `RIVAL_STEPS` left."""
        if len(self.beams) < self.wanted:
            return beams
        least = self.beams[self.wanted - 1].log_probability if self.wanted else np.inf
        if not any(beam.log_probability > least for beam in beams):
            self._waited += 1
            if not self.rivals or self._waited > RIVAL_STEPS:
                return []
        floor = min(least, self.best - RIVAL_NATS) if self.rivals else least
        return [beam for beam in beams if beam.log_probability > floor]

    @property
    def best(self) -> float:
        return self.beams[0].log_probability if self.beams else -np.inf


class Scores:
    """Logits (b, V) of a step, read as log-probabilities. Few of them are read, so no table of them is made."""

    def __init__(self, logits: NDArray[np.float32]) -> None:
        self.logits = logits
        highest = logits.max(axis=1)
        shifted = logits - highest[:, None]
        self._total = (highest + np.log(np.exp(shifted, out=shifted).sum(axis=1))).tolist()

    def of(self, row: int, token: int) -> float:
        """Log-probability of one token."""
        return float(self.logits[row, token]) - float(self._total[row])


class BeamSearch:
    """One utterance: call `run` once."""

    def __init__(
        self,
        model: SpeechModel,
        silent: NDArray[np.bool_],
        automaton: TokenAutomaton | None,
        search: Search,
        request: UtteranceRequest,
    ) -> None:
        self._model = model
        self._silence = np.where(silent, np.float32(-np.inf), np.float32(0))
        self._automaton = automaton
        self._search = search
        n_best = request.n_best
        spoken = language(request.language)

        def said(beam: Beam) -> str:
            return spoken.spell_out(transcript_of(model, beam))

        self._free_width = max(search.free_beams, min(n_best, MAXIMUM_FREE_BEAMS))
        self._free = Finished(self._free_width, said)
        self._free_ends: dict[tuple[int, ...], float] = {}
        self._held = Finished(n_best if automaton else 0, said, CALIBRATIONS[model.family].rivals)
        # One answer comes in several spellings: alternatives to it need room beside them.
        self._width = search.beams if n_best == 1 else search.beams + 2 * n_best

    def run(self, encoding: Any, seconds: float) -> tuple[list[Beam], list[Beam]]:
        """Ended hypotheses of the free words and of the grammar, best first."""
        logits, cache = self._model.begin(encoding)
        free_steps = int(seconds * self._model.tokens_per_second) + 6
        held_steps = int(seconds * self._search.tokens_per_second) + 8
        free = [Beam((), 0.0, FREE)]
        held = [Beam((), 0.0, 0)] if self._automaton else []
        for step in range(max(free_steps, held_steps)):
            scores = Scores(logits)
            free = self._grow_free(free, scores, first=step == 0, last=step + 1 >= free_steps)
            held = self._grow_held(held, scores)
            if step + 1 >= held_steps:
                # Unlike free words these are not taken as they are: what has not ended by now is a loop.
                held = []
            free, held = self._hopeful(free, held)
            beams = free + held
            if not beams:
                break
            # Beams of the same tokens are one row: mostly the grammar holds what the free words say.
            rows = list({beam.tokens: beam for beam in beams}.values())
            tokens = np.array([beam.tokens[-1] for beam in rows], np.int64)
            parents = np.array([beam.row for beam in rows], np.int64)
            logits, cache = self._model.step(cache, tokens, parents)
            numbers = {beam.tokens: row for row, beam in enumerate(rows)}
            for beam in beams:
                beam.row = numbers[beam.tokens]
        return self._free.beams, self._held.beams or self._held.early

    def _hopeful(self, free: list[Beam], held: list[Beam]) -> tuple[list[Beam], list[Beam]]:
        """Without the beams whose end cannot matter any more: log-probabilities only fall."""
        if free and free[0].log_probability < self._held.best:
            # The grammar's words are likelier than these can become: there is no gap left to measure.
            self._free.give_up(free)
            free = []
        if not free and held and self._free.best - held[0].log_probability > self._search.hopeless_nats:
            held = []
        return free, held

    def _grow_free(self, beams: list[Beam], scores: Scores, first: bool, last: bool) -> list[Beam]:
        """The likeliest words; their end counts only where nothing else is likelier."""
        width = self._free_width
        grown: list[Beam] = []
        ended: list[Beam] = []
        for beam in beams:
            if not first:
                # An empty answer is never right: the endpointer heard speech.
                ended.append(_ended(beam, scores.of(beam.row, self._model.end_token)))
            best = _largest(scores.logits[beam.row] + self._silence, width)
            grown += [_longer(beam, int(token), scores.of(beam.row, int(token)), FREE) for token in best]
        kept = self._free.choose(grown, ended, width, last)
        self._free_ends |= {beam.tokens: beam.log_probability for beam in ended}
        looping = without_loop(kept[0].tokens) if kept else None
        if looping is not None:
            # The model is stuck: what it says from here on is the same again. Its words are as likely as to end there.
            self._free.give_up([Beam(looping, self._free_ends[looping], FREE)])
            return []
        return kept

    def _grow_held(self, beams: list[Beam], scores: Scores) -> list[Beam]:
        """The likeliest words of the grammar; they may end wherever it is satisfied."""
        if not beams:
            return []
        assert self._automaton is not None
        grown: list[Beam] = []
        ended: list[Beam] = []
        for beam in beams:
            if beam.tokens and self._automaton.may_end(beam.state):
                ended.append(_ended(beam, scores.of(beam.row, self._model.end_token)))
            tokens, states = self._automaton.options(beam.state)
            best = _largest(scores.logits[beam.row, tokens], self._width)
            grown += [_longer(beam, int(tokens[i]), scores.of(beam.row, int(tokens[i])), int(states[i])) for i in best]
        return self._held.choose(grown, ended, self._width, last=False)


def without_loop(tokens: tuple[int, ...]) -> tuple[int, ...] | None:
    """The tokens cut after the first round of a loop they end in, or None where they do not loop."""
    for period in range(1, LONGEST_LOOP + 1):
        rounds = max(LOOP_ROUNDS, -(-LOOP_TOKENS // period))
        if len(tokens) >= rounds * period and tokens[-rounds * period :] == tokens[-period:] * rounds:
            return tokens[: len(tokens) - (rounds - 1) * period]
    return None


def _ended(beam: Beam, score: float) -> Beam:
    return Beam(beam.tokens, beam.log_probability + score, beam.state, beam.row)


def _longer(beam: Beam, token: int, score: float, state: int) -> Beam:
    return Beam((*beam.tokens, token), beam.log_probability + score, state, beam.row)


def _largest(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Where the `count` largest are, in no order; all of them where there are fewer."""
    if count == 1 and len(values):
        return np.array([values.argmax()])
    return np.argpartition(values, -count)[-count:] if len(values) > count else np.arange(len(values))


def levelled(samples: Samples) -> NDArray[np.float32]:
    """The audio at the loudness models are used to: quiet lines are amplified, loud ones turned down."""
    audio = samples.astype(np.float32) / 32768
    loudness = float(np.percentile(np.abs(audio), LOUD_PERCENTILE)) if len(audio) else 0.0
    gain = min(MAXIMUM_GAIN, USUAL_LOUDNESS / loudness) if loudness > 0 else 1.0
    return np.clip(audio * np.float32(gain), -1.0, 1.0)


@define
class _Loaded:
    """A model and what is derived from it once."""

    model: SpeechModel
    vocabulary: Vocabulary
    silent: NDArray[np.bool_]
    automata: OrderedDict[Any, TokenAutomaton | None]


class DecodingEngine:
    """An `Engine` of speech models, loaded when first needed. Languages with one loader share one model."""

    def __init__(self, loaders: Mapping[str, Callable[[], SpeechModel]], search: Search | None = None) -> None:
        self.languages = tuple(loaders)
        self._loaders = loaders
        self._search = search or Search()
        self._loaded: dict[Callable[[], SpeechModel], _Loaded] = {}

    def load(self) -> None:
        """Load every language's model and tables now rather than at the first caller."""
        for code in self.languages:
            self._load(code)
            warm_up_decoder(language(code))

    def prepare(self, request: UtteranceRequest) -> None:
        """Load the language's model and compile the grammars."""
        loaded = self._load(request.language)
        self._automaton(loaded, request.grammars)

    def recognise(self, request: UtteranceRequest, samples: Samples) -> Recognised:
        """Hypotheses of both paths: those of the grammars first, then the free words.

        Raises:
            EngineError: no model of the request's language.
        """
        began = time.process_time()
        loaded = self._load(request.language)
        automaton = self._automaton(loaded, request.grammars)
        audio = soxr.resample(levelled(samples), SAMPLE_RATE, MODEL_RATE)
        encoding = loaded.model.encode(audio, primary_subtag(request.language), automaton is not None)
        search = BeamSearch(loaded.model, loaded.silent, automaton, self._search, request)
        free, held = search.run(encoding, len(samples) / SAMPLE_RATE)
        return Recognised(
            hypotheses=tuple(_hypotheses(loaded.model, free, held)),
            asr_model=loaded.model.name,
            cpu_seconds=time.process_time() - began,
        )

    def _load(self, tag: str) -> _Loaded:
        loader = self._loaders.get(primary_subtag(tag))
        if loader is None:
            raise EngineError(f"no model for language '{tag}': expected one of {', '.join(self.languages)}")
        loaded = self._loaded.get(loader)
        if loaded is None:
            model = loader()
            unknown = [code for code, other in self._loaders.items() if other is loader and code not in model.languages]
            if unknown:
                known = ", ".join(model.languages)
                raise EngineError(f"the speech model {model.name} does not know {', '.join(unknown)}, only {known}")
            silent = np.array([not piece for piece in model.pieces])
            loaded = self._loaded[loader] = _Loaded(model, Vocabulary(model.pieces), silent, OrderedDict())
        return loaded

    def _automaton(self, loaded: _Loaded, grammars: tuple[ActiveGrammar, ...]) -> TokenAutomaton | None:
        """The grammars side by side, but for those that take any words; None where no others are left."""
        key = tuple((g.kind, g.primary_language, _told(g)) for g in grammars)
        if key in loaded.automata:
            loaded.automata.move_to_end(key)
            return loaded.automata[key]
        acceptors = [KINDS[g.kind].acceptor(g.arguments, language(g.language)) for g in grammars]
        wanted = [acceptor for acceptor in acceptors if acceptor is not None]
        automaton = TokenAutomaton(wanted, loaded.vocabulary) if wanted else None
        if automaton is not None:
            # Builds what the lexicons make on first use, 40 ms and more, while the caller has not begun to speak.
            automaton.options(0)
        loaded.automata[key] = automaton
        while len(loaded.automata) > 1 and _too_much(loaded.automata):
            loaded.automata.popitem(last=False)
        return automaton


def _too_much(keys: Collection[Any]) -> bool:
    """Whether fewer compiled grammars should be kept than those of these keys."""
    values = [value for key in keys for _, _, arguments in key for _, value in arguments]
    characters = sum(len(value) for value in values if isinstance(value, str))
    return len(keys) > MAXIMUM_GRAMMARS_KEPT or characters > MAXIMUM_CHARACTERS_KEPT


def _told(grammar: ActiveGrammar) -> tuple[tuple[str, object], ...]:
    """The arguments that what may be written depends on: a day that passes makes no new automaton."""
    return tuple(sorted((name, value) for name, value in grammar.arguments.items() if name != TODAY))


def _hypotheses(model: SpeechModel, free: list[Beam], held: list[Beam]) -> Iterator[Hypothesis]:
    likeliest = free[0].log_probability if free else 0.0
    calibration = CALIBRATIONS[model.family]
    for path, beams in ((Path.GRAMMAR, held), (Path.FREE, free)):
        for beam in beams:
            mean = beam.log_probability / (len(beam.tokens) + 1)
            yield Hypothesis(
                transcript=transcript_of(model, beam),
                confidence=(
                    calibration.of_free_words(mean)
                    if path is Path.FREE
                    else calibration.of_grammar_words(mean, likeliest - beam.log_probability)
                ),
                path=path,
                log_probability=beam.log_probability,
                tokens=len(beam.tokens) + 1,
            )


def transcript_of(model: SpeechModel, beam: Beam) -> str:
    """The words of a beam. What a grammar let pass as a word is one, in whatever case: its "NO" is not "n o"."""
    text = b"".join(model.pieces[token] for token in beam.tokens)
    return words_of(text) if beam.state == FREE else normalise(text.decode(errors="replace"))


_CAPITALS = re.compile(r"\b[A-Z]{2,6}\b")


def words_of(text: bytes) -> str:
    """A model's text as words: lower case, no punctuation, letters said one by one standing apart ("CN" is "c n")."""
    apart = _CAPITALS.sub(lambda match: " ".join(match[0]), text.decode(errors="replace"))
    return normalise(apart)
