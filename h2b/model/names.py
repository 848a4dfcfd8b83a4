"""Names of the events the server sends (H2B reference, section 2.4)."""

from enum import Enum


class EventName(Enum):
    """All fifteen events. The value is a name for people; wire spellings live in `h2b.wire.vocabulary`."""

    OPENED = "opened"
    PARAMS_SET = "params set"
    DEFAULT_PARAMS = "default params"
    GRAMMAR_DEFINED = "grammar defined"
    RECOGNITION_IN_PROGRESS = "recognition in progress"
    INPUT_TIMERS_STARTED = "input timers started"
    STOPPED = "stopped"
    CLOSED = "closed"
    START_OF_INPUT = "start of input"
    RECOGNITION_COMPLETE = "recognition complete"
    METHOD_NOT_VALID = "method not valid"
    METHOD_FAILED = "method failed"
    INVALID_PARAM_VALUE = "invalid parameter value"
    MISSING_PARAM = "missing parameter"
    METHOD_NOT_ALLOWED = "method not allowed"
