"""What MRCPv2 spells in its own way: header fields, causes, statuses."""

from h2b.wire.mrcp import Status
from h2b.wire.vocabulary import (
    CANCELLED,
    DEFINITION_FAILURE,
    JSON,
    MRCP_CAUSES,
    MRCP_PARAMETERS,
    MRCP_VENDOR,
    SEMANTICS_FAILURE,
    URI_FAILURE,
)
from parts.markdown import code, table

ONLY_HERE = {
    CANCELLED: "a RECOGNIZE that was in the queue, or gave way to the next one",
    URI_FAILURE: "a grammar is named by a URI that is not fetched",
    SEMANTICS_FAILURE: "a script of a grammar failed in INTERPRET",
    DEFINITION_FAILURE: "the call has as many grammars of its own as it may",
}
STATUSES = {
    Status.SUCCESS: "done, in progress or queued: the state says which",
    Status.SUCCESS_SOME_IGNORED: "done, but for optional fields that were ignored; not sent",
    Status.METHOD_NOT_ALLOWED: "no such method",
    Status.METHOD_NOT_VALID: "not in this state",
    Status.UNSUPPORTED_HEADER: "SET-PARAMS with a field that means nothing here",
    Status.ILLEGAL_VALUE: "a field whose value is of the wrong form, or a message with a line that is no field",
    Status.RESOURCE_NOT_ALLOCATED: "no such channel, or not on this connection",
    Status.MISSING_HEADER: "a field or a grammar that must be there is missing",
    Status.METHOD_FAILED: "what was asked for failed: Completion-Cause says why",
    Status.UNSUPPORTED_ENTITY: "a body of another type",
    Status.UNSUPPORTED_VALUE: "a value of the right form that is out of its range",
    Status.OUT_OF_ORDER: "a request-id that is not higher than the last",
    Status.SERVER_ERROR: "not sent",
    Status.UNSUPPORTED_VERSION: "another version than MRCP/2.0; the connection is closed",
    Status.TOO_LARGE: "a message that is too large; the connection is closed",
}


def parameters(_: str) -> str:
    rows = [(code(spelling), code(name)) for name, spelling in MRCP_PARAMETERS.items()]
    rows += [(f"`Vendor-Specific-Parameters: {spelling}=…`", code(name)) for name, spelling in MRCP_VENDOR.items()]
    return table(("header field", "parameter"), rows)


def causes(_: str) -> str:
    rows = [(code(spelling), code(JSON.causes[cause]), "") for cause, spelling in MRCP_CAUSES.items()]
    rows += [(code(spelling), "-", meaning) for spelling, meaning in ONLY_HERE.items()]
    return table(("cause", "on the JSON wire", "meaning"), sorted(rows))


def statuses(_: str) -> str:
    return table(("status", "meaning"), [(str(int(status)), STATUSES[status]) for status in Status])
