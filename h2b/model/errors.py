"""What can go wrong, told apart by whose fault it is.

A `ClientError` is answered with an error event and changes nothing else: the connection and the session live on.
An `EngineError` ends one recognition with cause Error. A `ConfigurationError` stops the program before it serves.
The table `EVENT_OF_ERROR` says which event answers which error; MRCP statuses will stand beside it.
Texts say what was got, where, what was expected and the nearest valid name: they are interface, tested by exact string.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from h2b.model.causes import CompletionCause
from h2b.model.names import EventName


class H2BError(Exception):
    """Root of everything this package raises on purpose."""


class ClientError(H2BError):
    """The client's fault. `cause` is set where the wire has a completion cause for it, `reason` is for people."""

    def __init__(self, reason: str, cause: CompletionCause | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause


class MalformedMessage(ClientError):
    """Not a message of the protocol: bad JSON, wrong envelope, unknown command.

    `request_id` and `channel_id` are what could still be read, so that the answer finds its request.
    """

    def __init__(self, reason: str, request_id: int = 0) -> None:
        super().__init__(reason)
        self.request_id = request_id


class MethodNotAllowed(ClientError):
    """A known command in a state that does not take it."""

    def __init__(self, command: str, state: str, expected: str) -> None:
        super().__init__(f"{command} is not allowed {state}: {expected}")


class InvalidParameter(ClientError):
    """A parameter whose value has the wrong type or lies outside its range."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name}: got {shorten(value)}, expected {expected}")
        self.name = name


class MissingParameter(ClientError):
    """A parameter the command cannot do without."""

    def __init__(self, name: str, where: str, expected: str) -> None:
        super().__init__(f"{name} is missing in {where}: expected {expected}")
        self.name = name


class MethodFailed(ClientError):
    """A well-formed command the server could not carry out."""


class NoSuchGrammar(MethodFailed):
    """A grammar URI or alias nobody defined."""

    def __init__(self, uri: str, known: Iterable[str] = ()) -> None:
        super().__init__(f"unknown grammar '{uri}'{nearest(uri, known)}", CompletionCause.GRAMMAR_LOAD_FAILURE)


class GrammarDefinitionError(MethodFailed):
    """A grammar that exists but was asked for in a way it cannot be: bad query, bad regex, too large."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(f"grammar '{uri}': {why}", CompletionCause.GRAMMAR_DEFINITION_FAILURE)
        self.uri = uri
        self.why = why


class LanguageUnsupported(MethodFailed):
    """No engine or no grammar for this language."""

    def __init__(self, what: str, language: str, available: Iterable[str], why: str = "") -> None:
        expected = ", ".join(sorted(available)) or "none"
        super().__init__(
            f"{what} is not available in '{language}': expected one of {expected}{f' ({why})' if why else ''}",
            CompletionCause.LANGUAGE_UNSUPPORTED,
        )


class EngineError(H2BError):
    """The recogniser failed or cannot run: weights missing, worker died, queue full."""


class ScriptError(H2BError):
    """A script of a grammar failed, or took more than it may: the grammar author's fault."""


class ConfigurationError(H2BError):
    """The operator's configuration or a preset file is wrong; says file and line."""

    def __init__(self, message: str, path: str = "", line: int | None = None) -> None:
        where = f"{path}:{line}: " if path and line is not None else f"{path}: " if path else ""
        super().__init__(where + message)
        self.path = path
        self.line = line


EVENT_OF_ERROR: tuple[tuple[type[ClientError], EventName], ...] = (
    (MalformedMessage, EventName.METHOD_NOT_VALID),
    (MethodNotAllowed, EventName.METHOD_NOT_ALLOWED),
    (InvalidParameter, EventName.INVALID_PARAM_VALUE),
    (MissingParameter, EventName.MISSING_PARAM),
    (MethodFailed, EventName.METHOD_FAILED),
    (ClientError, EventName.METHOD_FAILED),
)
"""First row whose class fits wins. Sense of the names: the SDK's docstrings (H2B reference, section 2.4)."""


def event_of(error: ClientError) -> EventName:
    """Which event answers this error."""
    return next(event for kind, event in EVENT_OF_ERROR if isinstance(error, kind))


LONGEST_HINTED = 100
"""Characters of a name that another one is looked for."""


def nearest(name: str, known: Iterable[str]) -> str:
    """` (nearest: 'x')` for the known name most like `name`, or an empty string."""
    if len(name) > LONGEST_HINTED:
        # No slip of the pen, and to compare it takes time that all calls wait for.
        return ""
    close = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (nearest: '{close[0]}')" if close else ""


def shorten(value: object, limit: int = 80) -> str:
    """`repr` of a value of untrusted size, cut so that an error text stays one line."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
