"""Hypothesis strategies for what travels on the wires: any command, any event, as the model can say them."""

from hypothesis import strategies as st

from h2b.model.causes import CompletionCause
from h2b.model.formats import AudioFormat, GrammarFormat
from h2b.model.messages import (
    Close,
    Command,
    DefineGrammar,
    Event,
    GetParams,
    Open,
    Recognize,
    SetParams,
    StartInputTimers,
    Stop,
)
from h2b.model.names import EventName
from h2b.model.params import MAXIMUM_MS, MAXIMUM_N_BEST, MAXIMUM_TEXT, PARAMETERS, Parameters, ParameterValue
from h2b.model.results import Alternative, Hypothesis, Interpretation, Result, Span, Value
from h2b.wire.vocabulary import JSON

PARTIAL = (CompletionCause.PARTIAL_MATCH, CompletionCause.PARTIAL_MATCH_MAXTIME)


def texts(max_size: int = 40) -> st.SearchStrategy[str]:
    """Any text that UTF-8 and a database can hold."""
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=max_size)


def request_ids() -> st.SearchStrategy[int]:
    return st.integers(0, 2**64 - 1)


def fractions() -> st.SearchStrategy[float]:
    """Confidences as a wire carries them."""
    return st.floats(0, 1).map(lambda value: round(value, 6))


def parameter_values(name: str) -> st.SearchStrategy[ParameterValue]:
    """Valid values of the parameter `name`."""
    special: dict[str, st.SearchStrategy[ParameterValue]] = {
        "speech_language": st.sampled_from(["fr", "fr-FR", "en-US", "es", "de-x-banking", "zh-Hant-TW"]),
        "start_input_timers": st.booleans(),
        "recognition_mode": st.sampled_from(["normal", "hotword"]),
        "n_best_list_length": st.integers(1, MAXIMUM_N_BEST),
        "logging_tag": texts(MAXIMUM_TEXT),
    }
    of_type: dict[type, st.SearchStrategy[ParameterValue]] = {
        float: st.floats(0, 1),
        int: st.integers(0, MAXIMUM_MS),
    }
    return special[name] if name in special else of_type[type(PARAMETERS[name].default)]


def changes() -> st.SearchStrategy[dict[str, ParameterValue]]:
    """Any subset of the parameters."""
    return st.fixed_dictionaries({}, optional={name: parameter_values(name) for name in JSON.parameters})


def grammar_uris() -> st.SearchStrategy[str]:
    """One line of a URI list; values are raw, so almost any character may stand in it."""
    paths = st.sampled_from(["builtin:speech/boolean", "builtin:speech/keywords?alternatives=", "session:"])
    raw = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
    return st.tuples(paths, raw).map("".join).map(lambda uri: uri.strip(" \t"))


def commands() -> st.SearchStrategy[Command]:
    ids = request_ids()
    return st.one_of(
        st.builds(
            Open,
            request_id=ids,
            channel_prefix=texts(),
            audio_format=st.sampled_from(AudioFormat),
            custom_id=texts(),
            session_id=texts(),
        ),
        st.builds(SetParams, request_id=ids, changes=changes()),
        st.builds(GetParams, request_id=ids),
        st.builds(DefineGrammar, request_id=ids, alias=texts().filter(bool), body=grammar_uris()),
        st.builds(
            DefineGrammar,
            request_id=ids,
            alias=texts().filter(bool),
            body=texts().filter(str.strip),
            format=st.sampled_from([GrammarFormat.SRGS_XML, GrammarFormat.SRGS_ABNF]),
        ),
        st.builds(
            Recognize,
            request_id=ids,
            grammars=st.lists(grammar_uris(), min_size=1, max_size=16).map(tuple),
            changes=changes(),
        ),
        st.builds(StartInputTimers, request_id=ids),
        st.builds(Stop, request_id=ids),
        st.builds(Close, request_id=ids),
    )


OUR_NAMES = ("result", "interpretation", "instance", "input", "nomatch", "noinput", "item", "value", "type")
"""What wires call their own parts: a grammar may call its so too."""


def values() -> st.SearchStrategy[Value]:
    """Anything a grammar may find."""
    keys = texts() | st.sampled_from(OUR_NAMES)
    scalars = st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | texts()
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner | st.none(), max_size=3),
        max_leaves=8,
    )


def spans() -> st.SearchStrategy[Span]:
    moments = st.integers(0, 4_102_444_800_000)
    return st.lists(moments, min_size=2, max_size=2).map(lambda ends: Span(start_ms=min(ends), end_ms=max(ends)))


def interpretations(complete: bool) -> st.SearchStrategy[Interpretation]:
    return st.builds(Interpretation, type=texts(), value=values(), confidence=fractions(), complete=st.just(complete))


def results(cause: CompletionCause) -> st.SearchStrategy[Result]:
    """A result as this cause leaves it: with words and their span, a span without words, or with neither."""
    alternative = st.builds(
        Alternative,
        hypothesis=st.builds(Hypothesis, transcript=texts().filter(bool), confidence=fractions()),
        interpretation=st.none() | interpretations(complete=cause not in PARTIAL),
        grammar_uri=texts(),
    )
    nobody = st.none() | spans()
    silent = st.builds(Result, span=nobody, asr_model=texts(), version=texts(), n_best=st.booleans())
    one = st.builds(Result, alternatives=st.tuples(alternative), span=spans(), asr_model=texts(), version=texts())
    several = st.builds(
        Result,
        alternatives=st.lists(alternative, min_size=1, max_size=4).map(tuple),
        span=spans(),
        asr_model=texts(),
        version=texts(),
        n_best=st.just(True),
    )
    return silent | one | several


@st.composite
def events(draw: st.DrawFn) -> Event:
    name = draw(st.sampled_from(EventName))
    cause = draw(st.none() | st.sampled_from(CompletionCause))
    parameters = result = None
    if name is EventName.DEFAULT_PARAMS:
        values_of_all = {row: draw(parameter_values(row)) for row in JSON.parameters}
        parameters = Parameters().with_changes(values_of_all)
    if name is EventName.RECOGNITION_COMPLETE:
        cause = cause or CompletionCause.SUCCESS
        result = draw(results(cause))
    return Event(
        name=name,
        request_id=draw(request_ids()),
        channel_id=draw(texts()),
        parameters=parameters,
        cause=cause,
        reason=draw(texts()),
        result=result,
    )


def messages() -> st.SearchStrategy[Command | Event]:
    """Everything either side may send."""
    return commands() | events()
