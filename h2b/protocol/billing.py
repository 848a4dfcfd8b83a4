"""What a session owes: the record of each recognition, and the sums of them all at its end.

Owns what counts as billed. Must not know commands, wires or stores.

 1. A recognition is billed for the client's own audio that was listened to: from RECOGNIZE to the last frame judged.
 2. Silence that h2b puts in for a client that stopped sending moves the timers and is listened to, but nobody sent it:
    it is not billed. Nor is audio that was still waiting to be judged at the end.
 3. A cause changes nothing here: what an Error costs is a matter of the tariff.
"""

from typing import Protocol

from attrs import define

from h2b.model.formats import SAMPLE_RATE
from h2b.model.usage import RecognitionRecord, SessionAttributes, SessionRecord
from h2b.protocol.intake import Intake
from h2b.protocol.recognition import Recognition


def listened_and_billed_ms(recognition: Recognition, intake: Intake) -> tuple[int, int]:
    """Milliseconds of the call that were listened to, and those of them that are billed."""
    samples = round(recognition.position * SAMPLE_RATE)
    return samples * 1000 // SAMPLE_RATE, intake.received_samples(samples) * 1000 // SAMPLE_RATE


class Billable(Protocol):
    """A recognition and what its request is known by."""

    @property
    def request_id(self) -> int: ...

    @property
    def recognition(self) -> Recognition: ...

    @property
    def began_wall(self) -> float: ...

    @property
    def record_id(self) -> str: ...


@define(kw_only=True)
class SessionMeter:
    """Makes the records of one session, and keeps its sums."""

    record_id: str
    tenant: str
    wire: str
    version: str
    opened_ms: int
    keep_transcripts: bool = False
    recognitions: int = 0
    listened_ms: int = 0
    billed_ms: int = 0

    def recognition(
        self, ended: Billable, attributes: SessionAttributes, intake: Intake, ended_by: str
    ) -> RecognitionRecord:
        """The record of a recognition that ended just now, counted."""
        recognition = ended.recognition
        outcome = recognition.outcome
        best = outcome.alternatives[0] if outcome and outcome.alternatives else None
        interpretation = best.interpretation if best else None
        listened_ms, billed_ms = listened_and_billed_ms(recognition, intake)
        self.recognitions += 1
        self.listened_ms += listened_ms
        self.billed_ms += billed_ms
        kept = best if self.keep_transcripts else None
        return RecognitionRecord(
            record_id=ended.record_id,
            tenant=self.tenant,
            wire=self.wire,
            session=attributes,
            request_id=ended.request_id,
            logging_tag=recognition.parameters.logging_tag,
            language=recognition.grammars[0].language,
            grammars=tuple(grammar.uri for grammar in recognition.grammars),
            matched_grammar=best.grammar_uri if best else "",
            cause=outcome.cause if outcome else None,
            ended_by=ended_by,
            started_ms=round(ended.began_wall * 1000),
            listened_ms=listened_ms,
            billed_ms=billed_ms,
            asr_model=outcome.asr_model if outcome else "",
            confidence=interpretation.confidence if interpretation else 0.0,
            version=self.version,
            transcript=kept.hypothesis.transcript if kept else None,
            value=kept.interpretation.value if kept and kept.interpretation else None,
        )

    def session(self, attributes: SessionAttributes, closed_ms: int, ended_by: str) -> SessionRecord:
        return SessionRecord(
            record_id=self.record_id,
            tenant=self.tenant,
            wire=self.wire,
            session=attributes,
            opened_ms=self.opened_ms,
            closed_ms=closed_ms,
            ended_by=ended_by,
            recognitions=self.recognitions,
            listened_ms=self.listened_ms,
            billed_ms=self.billed_ms,
            version=self.version,
        )
