"""Why a recognition ended: the completion causes, with their MRCPv2 numbers.

Source: RFC 6787 section 9.4.11 for the numbers; H2B reference section 6 for the twelve the JSON wire knows.
"""

from enum import IntEnum


class CompletionCause(IntEnum):
    """The twelve causes of the H2B protocol; the value is the MRCPv2 code of that name.

    MRCPv2 tells a grammar that is wrong apart from one there is no room for: `h2b.wire.vocabulary` has both.
    """

    SUCCESS = 0
    NO_MATCH = 1
    NO_INPUT_TIMEOUT = 2
    HOTWORD_MAXTIME = 3
    GRAMMAR_LOAD_FAILURE = 4
    ERROR = 6
    SUCCESS_MAXTIME = 8
    LANGUAGE_UNSUPPORTED = 10
    PARTIAL_MATCH = 13
    PARTIAL_MATCH_MAXTIME = 14
    NO_MATCH_MAXTIME = 15
    GRAMMAR_DEFINITION_FAILURE = 16
