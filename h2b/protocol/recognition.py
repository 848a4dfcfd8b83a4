"""One recognition from RECOGNIZE to its completion: timers, barge-in, hotword, partial matches, the cause.

Owns the decision when a recognition ends and why. Knows neither commands nor sockets nor engines.

Theory of operation
 1. Time is the position in the caller's audio, in seconds since RECOGNIZE. A client that stops sending is
    given silence by the intake, so the position never stands still and every timer fires by it alone:
    the same audio gives the same events however it is cut and however fast it arrives.
 2. The endpointer reports speech started, paused, resumed. Each pause asks the engine for a hypothesis of
    all that was said; speech that resumes makes that answer worthless.
 3. The answer's match class chooses the silence that ends the utterance: complete, partial or none.
 4. A grammar may leave the value to a script; the answer is there when the script's result is. A script that fails
    counts when its value would: speech that resumes makes its failure as worthless as its value.
 5. Until the answer is there nobody can say which silence counts. So, from the shortest of the three on,
    `holds` is true and the intake keeps further frames back: no frame is judged before its time.
 6. Hotword mode sends no START-OF-INPUT, ends only on a complete match, and forgets what was said whenever
    a silence of speech_incomplete_timeout shows that the phrase is over.
 7. A timer that waits for silence does not fire while speech may be starting: `BENEFIT_OF_DOUBT_S` at most.
 8. The first key that a grammar of keys takes ends listening: the answer is typed, whatever is said meanwhile.
 9. A cap (recognition_timeout, hotword_max_duration, the engine's longest utterance) decodes what was said
    so far and then ends whatever the answer: the *Maxtime causes.
"""

from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from h2b.grammar.interpret import Verdict, interpret
from h2b.grammar.keys import takes_keys
from h2b.grammar.registry import ActiveGrammar
from h2b.grammar.scripts import programs_of, with_values
from h2b.model.causes import CompletionCause
from h2b.model.errors import ClientError, ScriptError
from h2b.model.formats import SAMPLE_RATE
from h2b.model.params import Parameters, RecognitionMode
from h2b.model.results import Alternative, MatchClass, Recognised, Value
from h2b.protocol.effects import Cancel, Decode, Effect, Evaluate, Feed, Listen
from h2b.protocol.keyentry import KeyEntry

MAXIMUM_UTTERANCE_S = 30.0
"""Longest utterance given to an engine, whatever recognition_timeout says: decoding costs grow with it."""

HALF_SAMPLE_S = 0.5 / SAMPLE_RATE

BENEFIT_OF_DOUBT_S = 0.24
"""The endpointer's window: until then voice has persisted and is speech, or it was nothing."""

SILENCE_STEP_S = 0.1
"""How much silence a stalled client is given at a time while its speech has no end yet."""

REASONS = {
    CompletionCause.SUCCESS: "success",
    CompletionCause.NO_MATCH: "unable to match grammar",
    CompletionCause.NO_INPUT_TIMEOUT: "no voice",
    CompletionCause.HOTWORD_MAXTIME: "hotword not heard within hotword_max_duration",
    CompletionCause.SUCCESS_MAXTIME: "match complete when recognition_timeout was reached",
    CompletionCause.PARTIAL_MATCH: "only a part of the grammar was matched",
    CompletionCause.PARTIAL_MATCH_MAXTIME: "match partial when recognition_timeout was reached",
    CompletionCause.NO_MATCH_MAXTIME: "unable to match grammar when recognition_timeout was reached",
}
LOW_CONFIDENCE = "confidence too low"

_AT_SILENCE = {
    MatchClass.COMPLETE: CompletionCause.SUCCESS,
    MatchClass.PARTIAL: CompletionCause.PARTIAL_MATCH,
    MatchClass.NONE: CompletionCause.NO_MATCH,
}
_AT_MAXTIME = {
    MatchClass.COMPLETE: CompletionCause.SUCCESS_MAXTIME,
    MatchClass.PARTIAL: CompletionCause.PARTIAL_MATCH_MAXTIME,
    MatchClass.NONE: CompletionCause.NO_MATCH_MAXTIME,
}
_WITH_VALUE = (CompletionCause.SUCCESS, CompletionCause.SUCCESS_MAXTIME)


@frozen(kw_only=True)
class Outcome:
    """How a recognition ended. Positions are seconds since RECOGNIZE."""

    cause: CompletionCause
    reason: str
    alternatives: tuple[Alternative, ...] = ()
    speech_start: float | None = None
    speech_end: float | None = None
    asr_model: str = ""


@define
class Recognition:
    """The machine. Each input returns effects; `outcome` is set once, by the input that ended it."""

    parameters: Parameters
    grammars: tuple[ActiveGrammar, ...]
    _utterances: Iterator[int]
    """Numbers for utterances: hotword mode opens a new one for each phrase."""
    timers_started_at: float | None
    utterance: int = field(init=False)
    outcome: Outcome | None = None
    position: float = 0.0
    _speech_start: float | None = None
    _first_speech: float | None = None
    _speech_end: float | None = None
    _paused: bool = False
    _generation: int = 0
    _awaiting: bool = False
    _capped: bool = False
    _verdict: Verdict | None = None
    _unevaluated: Verdict | None = None
    _script_failure: str = ""
    """Why the value of the verdict at hand cannot be had."""
    _heard: Recognised | None = None
    _fed_seconds: float = 0.0
    _spoken: tuple[ActiveGrammar, ...] = field(init=False)
    _entry: KeyEntry = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.utterance = next(self._utterances)
        self._spoken = tuple(grammar for grammar in self.grammars if not takes_keys(grammar))
        self._entry = KeyEntry(self.parameters, [grammar for grammar in self.grammars if takes_keys(grammar)])

    @property
    def hotword(self) -> bool:
        return self.parameters.mode is RecognitionMode.HOTWORD

    @property
    def holds(self) -> bool:
        """True while the decision hangs on an answer of the engine: keep further audio back."""
        if not self._awaiting:
            return False
        return self._entry.begun or self._capped or self._due(self._silence_from() + self._shortest_silence())

    @property
    def hears(self) -> bool:
        """Whether speech counts: some grammar is about it, and no key was pressed."""
        return bool(self._spoken) and not self._entry.begun

    @property
    def spoken(self) -> bool:
        """Whether speech was heard: the barge-in was told."""
        return self._first_speech is not None

    @property
    def decided(self) -> bool:
        """Whether an answer of the engine decided how it ended."""
        failed = self.outcome is None or self.outcome.cause is CompletionCause.ERROR
        return self._verdict is not None and not failed and not self._entry.begun

    @property
    def typed(self) -> bool:
        """Whether the caller answers with keys."""
        return self._entry.begun

    def begin(self) -> list[Effect]:
        """Effects of RECOGNIZE itself."""
        return [self._listen()] if self._spoken else []

    def pressed(self, key: str) -> list[Effect]:
        """A key of 0 to 9, *, #, A to D. One that no grammar takes changes nothing."""
        if self.outcome is not None or (self._awaiting and self._entry.begun) or not self._entry.grammars:
            return []
        began = not self._entry.begun
        try:
            if not self._entry.press(key, self.position):
                return []
        except ClientError as error:
            return self.abort(error.reason)
        released: list[Effect] = []
        if began:
            released = self.cancel() if self._spoken else []
            self._awaiting = False
            self._script_failure = ""
            self._speech_start = self._first_speech = self._entry.first_at
        self._speech_end = self._entry.last_at
        return released + self.advance(self.position)

    def start_timers(self) -> None:
        if self.timers_started_at is None:
            self.timers_started_at = self.position

    def speech_started(self, start: float) -> list[Effect]:
        self._speech_start = start
        self._first_speech = start if self._first_speech is None else self._first_speech
        self._paused = False
        return []

    def speech_audio(self, feed: Feed, seconds: float) -> list[Effect]:
        self._fed_seconds += seconds
        return [feed]

    def speech_paused(self, end: float) -> list[Effect]:
        self._speech_end = end
        self._paused = True
        return self._decode()

    def speech_resumed(self) -> list[Effect]:
        self._paused = False
        self._awaiting = False
        self._verdict = None
        self._script_failure = ""
        return []

    def heard(self, generation: int, recognised: Recognised) -> list[Effect]:
        """The engine's answer; a stale one changes nothing."""
        if not self._awaiting or generation != self._generation:
            return []
        self._heard = recognised
        try:
            verdict = interpret(recognised.hypotheses, self._spoken, self.parameters.n_best_list_length)
        except ClientError as error:
            # A grammar that takes too long with these words, though it was none too large.
            return self.abort(error.reason)
        programs = programs_of(verdict)
        if programs:
            self._unevaluated = verdict
            return [Evaluate(self.utterance, generation, programs)]
        return self._judge(verdict)

    def evaluated(self, generation: int, results: Sequence[Value | ScriptError]) -> list[Effect]:
        """The results of scripts; stale ones change nothing."""
        if not self._awaiting or generation != self._generation or self._unevaluated is None:
            return []
        verdict = self._unevaluated
        try:
            verdict = with_values(verdict, results)
        except ScriptError as error:
            self._script_failure = str(error)
        return self._judge(verdict)

    def _judge(self, verdict: Verdict) -> list[Effect]:
        self._awaiting = False
        self._unevaluated = None
        self._verdict = verdict
        if self._entry.begun:
            return self._end_with_keys()
        if self._capped:
            return self._end_at_cap()
        return self.advance(self.position)

    def failed(self, generation: int, reason: str) -> list[Effect]:
        """The engine could not answer: only this recognition pays for it."""
        if not self._awaiting or generation != self._generation:
            return []
        self._awaiting = False
        return self.abort(reason)

    def advance(self, position: float, may_start: bool = False) -> list[Effect]:
        """Time passed without more news: fire what is due.

        `may_start` tells that speech may be starting at this moment: the timers that wait for silence then wait
        `BENEFIT_OF_DOUBT_S` at most, so that nobody is cut off in the first syllable.
        """
        self.position = position
        if self.outcome is not None or self.holds:
            return []
        if self._entry.begun:
            return self._advance_keys()
        doubt = BENEFIT_OF_DOUBT_S if may_start else 0.0
        if self._speech_start is None and self._first_speech is None:
            return self._end(CompletionCause.NO_INPUT_TIMEOUT) if self._due(self._no_input_at() + doubt) else []
        if self.hotword and self._fed_seconds >= MAXIMUM_UTTERANCE_S:
            return self._forget_phrase()
        if self._due(self._cap_at()):
            return self._reach_cap()
        if self._verdict is not None and self._paused and self._due(self._silence_ends_at() + doubt):
            return self._end_at_silence()
        return []

    def next_deadline(self) -> float:
        """Position of the next timer, `inf` when only an input can change anything."""
        if self.outcome is not None or self.holds:
            return float("inf")
        if self._entry.begun:
            return min(self._entry.ends_at(), self._key_cap_at())
        if self._speech_start is None and self._first_speech is None:
            return self._no_input_at()
        if self._speech_start is not None and not self._paused:
            # A client may stop sending in the middle of a word: the endpointer must get silence to see the end.
            return min(self._cap_at(), self.position + SILENCE_STEP_S)
        silence = float("inf")
        if self._paused:
            silence = self._silence_ends_at() if self._verdict else self._silence_from() + self._shortest_silence()
        return min(self._cap_at(), silence)

    def abort(self, reason: str) -> list[Effect]:
        """End with cause Error, whatever was going on."""
        return self._end(CompletionCause.ERROR, reason)

    def cancel(self) -> list[Effect]:
        return [Cancel(self.utterance)]

    # The timers

    def _due(self, at: float) -> bool:
        """Whether the position is reached, to half a sample: sums of decimal fractions are never exact."""
        return self.position + HALF_SAMPLE_S >= at

    def _no_input_at(self) -> float:
        if self.timers_started_at is None:
            return float("inf")
        return self.timers_started_at + self.parameters.no_input_timeout / 1000

    def _cap_at(self) -> float:
        if self.hotword:
            assert self._first_speech is not None
            return self._first_speech + self.parameters.hotword_max_duration / 1000
        assert self._speech_start is not None
        if self._fed_seconds >= MAXIMUM_UTTERANCE_S:
            return self.position
        return self._speech_start + self.parameters.recognition_timeout / 1000

    def _silence_from(self) -> float:
        return self._speech_end if self._speech_end is not None else self.position

    def _shortest_silence(self) -> float:
        p = self.parameters
        return min(p.speech_complete_timeout, p.speech_incomplete_timeout, p.speech_nomatch_timeout) / 1000

    def _silence_ends_at(self) -> float:
        assert self._verdict is not None
        p = self.parameters
        if self.hotword and not self._acceptable():
            return self._silence_from() + p.speech_incomplete_timeout / 1000
        timeout = {
            MatchClass.COMPLETE: p.speech_complete_timeout,
            MatchClass.PARTIAL: p.speech_incomplete_timeout,
            MatchClass.NONE: p.speech_nomatch_timeout,
        }[self._verdict.match]
        return self._silence_from() + timeout / 1000

    # Keys

    def _key_cap_at(self) -> float:
        return self._entry.first_at + self.parameters.recognition_timeout / 1000

    def _advance_keys(self) -> list[Effect]:
        ended = self._due(self._entry.ends_at())
        capped = not ended and self._due(self._key_cap_at())
        judged = self._entry.judged
        if judged is None or not (ended or capped):
            return []
        self._capped = capped
        programs = programs_of(judged.verdict)
        if programs:
            self._generation += 1
            self._awaiting = True
            self._unevaluated = judged.verdict
            return [Evaluate(self.utterance, self._generation, programs)]
        return self._judge(judged.verdict)

    def _end_with_keys(self) -> list[Effect]:
        causes = _AT_MAXTIME if self._capped else _AT_SILENCE
        assert self._verdict is not None
        return self._end(causes[self._verdict.match])

    # The decisions

    def _acceptable(self) -> bool:
        """Whether hotword mode may end with the verdict at hand."""
        assert self._verdict is not None
        start, end = self._speech_start, self._speech_end
        long_enough = (
            start is not None and end is not None and end - start >= self.parameters.hotword_min_duration / 1000
        )
        return self._verdict.match is MatchClass.COMPLETE and self._confident() and long_enough

    def _confident(self) -> bool:
        assert self._verdict is not None
        return self._verdict.confidence >= self.parameters.confidence_threshold

    def _end_at_silence(self) -> list[Effect]:
        assert self._verdict is not None
        if not self.hotword:
            return self._end_with_verdict(_AT_SILENCE, CompletionCause.NO_MATCH)
        if self._acceptable():
            return self._end(CompletionCause.SUCCESS)
        return self._forget_phrase()

    def _end_at_cap(self) -> list[Effect]:
        if not self.hotword:
            return self._end_with_verdict(_AT_MAXTIME, CompletionCause.NO_MATCH_MAXTIME)
        return self._end(CompletionCause.SUCCESS if self._acceptable() else CompletionCause.HOTWORD_MAXTIME)

    def _end_with_verdict(self, causes: dict[MatchClass, CompletionCause], otherwise: CompletionCause) -> list[Effect]:
        assert self._verdict is not None
        if self._verdict.match is not MatchClass.NONE and not self._confident():
            self._verdict = self._verdict.refused()
            return self._end(otherwise, LOW_CONFIDENCE)
        return self._end(causes[self._verdict.match])

    def _reach_cap(self) -> list[Effect]:
        if self._speech_start is None:
            return self._end(CompletionCause.HOTWORD_MAXTIME)
        if self._verdict is not None and self._paused:
            return self._end_at_cap()
        self._capped = True
        if self._awaiting:
            return []
        self._speech_end = self.position
        return self._decode()

    def _decode(self) -> list[Effect]:
        self._generation += 1
        self._awaiting = True
        self._verdict = self._unevaluated = None
        self._script_failure = ""
        return [Decode(self.utterance, self._generation)]

    def _listen(self) -> Listen:
        p = self.parameters
        # A grammar that says its language itself is right about it.
        return Listen(self.utterance, self._spoken[0].language, self._spoken, p.n_best_list_length)

    def _forget_phrase(self) -> list[Effect]:
        """Hotword: the phrase is over and was not the hotword; listen for the next one."""
        effects = self.cancel()
        self.utterance = next(self._utterances)
        self._speech_start = self._speech_end = None
        self._verdict = None
        self._script_failure = ""
        self._awaiting = False
        self._paused = False
        self._fed_seconds = 0.0
        return [*effects, self._listen()]

    def _end(self, cause: CompletionCause, reason: str | None = None) -> list[Effect]:
        if self._script_failure and cause in _WITH_VALUE:
            return self.abort(self._script_failure)
        alternatives = self._verdict.alternatives if self._verdict else ()
        if cause is CompletionCause.HOTWORD_MAXTIME and self._verdict:
            alternatives = self._verdict.refused().alternatives
        self.outcome = Outcome(
            cause=cause,
            reason=REASONS[cause] if reason is None else reason,
            alternatives=alternatives if cause is not CompletionCause.ERROR else (),
            speech_start=self._speech_start,
            speech_end=self._speech_end,
            asr_model=self._heard.asr_model if self._heard else "",
        )
        return self.cancel()
