"""Whether the languages that the operator wants can be recognised: told at the start, not by the first caller.

Owns these lines and refusals. Must not know engines: it is told what can be recognised, and why the rest cannot.
"""

from collections.abc import Mapping

import structlog

from h2b.config import Configuration
from h2b.grammar.registry import primary_subtag
from h2b.model.errors import ConfigurationError

_log = structlog.get_logger("h2b.server.languages")


def check_languages(configuration: Configuration, available: Mapping[str, str], *, tells: bool = True) -> None:
    """See that the languages that are named can be recognised; tell of others that cannot.

    Args:
        available: see `h2b.asr.engines.available_languages`.
        tells: whether to log anything; what is wrong is raised in any case.

    Raises:
        ConfigurationError: one of `languages` in `[asr]` cannot.
    """
    wanted = configuration.asr.languages
    missing: dict[str, list[str]] = {}
    for code, why_not in available.items():
        if why_not and code in wanted:
            raise ConfigurationError(f"languages in [asr]: '{code}' cannot be recognised: {why_not}")
        if why_not:
            missing.setdefault(why_not, []).append(code)
    if not tells:
        return
    for why_not, codes in missing.items():
        # Nobody asked for them: most servers have English alone.
        _log.info("languages_unavailable", languages=codes, reason=why_not)
    default = configuration.defaults.speech_language
    if available and available.get(primary_subtag(default), "no model") != "":
        served = [code for code, why_not in available.items() if not why_not]
        _log.warning("default_language_unavailable", speech_language=default, languages=served)
