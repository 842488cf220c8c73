"""Making inputs of the messages in HR_INPUTS. What cannot be understood becomes a dead letter, never a crash."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from headrace_coordinator.bus.limits import is_subject
from headrace_coordinator.bus.port import Bus, Incoming
from headrace_coordinator.engine.inputs import OutcomeReceived, RunInput
from headrace_coordinator.engine.trigger import caused_run_id
from headrace_coordinator.runtime.clock import Clock
from headrace_coordinator.runtime.deadletters import dead_letter, rejected_letter, understood
from headrace_coordinator.runtime.envelope import Envelope
from headrace_coordinator.runtime.refused_outcomes import FIX, failed, misdirected, naming, salvaged
from headrace_protocol.codec import decode
from headrace_protocol.deliveries import Redelivered, Rejected
from headrace_protocol.errors import ErrorCode, HeadraceError, ProtocolError
from headrace_protocol.headers import REPLY_TO, TRACEPARENT, TRACESTATE, parse_traceparent
from headrace_protocol.ids import shard_of
from headrace_protocol.messages import (
    Command,
    CommandReply,
    Deploy,
    DeploySet,
    Outcome,
    OutcomeBatch,
    StartRun,
)
from headrace_protocol.subjects import Subjects
from headrace_protocol.topology import INBOXES

DeployHandler = Callable[[Deploy], Awaitable[CommandReply]]

ERROR_LENGTH = 64 * 1024
TEXT_LENGTH = 4 * 1024


class Ingress:
    """Reads the messages of one shard."""

    def __init__(
        self,
        subjects: Subjects,
        bus: Bus,
        clock: Clock,
        shards: int = 1,
        inboxes: tuple[str, ...] = (INBOXES,),
    ) -> None:
        """`shards` is how many the namespace has: a message on the subject of a wrong one is refused, and so is one
        that wants its answer outside of `inboxes`."""
        self._shards = shards
        self._inboxes = inboxes
        self._subjects = subjects
        self._bus = bus
        self._clock = clock

    def envelope(self, message: Incoming) -> Envelope | Deploy | DeploySet | Redelivered:
        """What a message asks for. A deploy and the word of a redelivery are no inputs of a run and are returned as
        they are. Attempts that a refused outcome names fail: those inputs may be another shard's."""
        try:
            subject = self._subjects.parse_input(message.subject)
            kind = subject.kind
            if subject.shard >= self._shards:
                raise ProtocolError(
                    "a message is on the subject of a shard that does not exist",
                    where=message.subject,
                    found=f"shard {subject.shard}",
                    expected=f"0 to {self._shards - 1}",
                    code=ErrorCode.PROTOCOL_UNROUTABLE,
                )
            if kind == "outcome":
                return self._outcomes(message, subject.shard)
            if kind == "command":
                return self._command(message, subject.shard)
            if kind == "redelivered":
                told = decode(message.body, Redelivered, message.headers, where=message.subject)
                self._check_reply(told.reply_to, "reply_to")
                return told
            if kind == "rejected":
                rejected = decode(message.body, Rejected, message.headers, where=message.subject)
                letter = rejected_letter(message, rejected, self._clock.now_us())
                return Envelope(dead=(letter,), ack=self._ack(message))
            raise ProtocolError(
                "an input of a kind that is not known here",
                where=message.subject,
                found=kind,
                expected="outcome, command, redelivered or rejected",
                code=ErrorCode.PROTOCOL_UNKNOWN_KIND,
            )
        except Exception as error:
            return self._unreadable(message, understood(error))

    def _outcomes(self, message: Incoming, shard: int) -> Envelope:
        try:
            batch = decode(message.body, OutcomeBatch, message.headers, where=message.subject)
        except ProtocolError as error:
            return self._refused(message, error, salvaged(message, error, self._clock.now_us()))
        if self._shards > 1:
            for outcome in batch.outcomes:
                home = shard_of(outcome.run_id, self._shards)
                if home != shard:
                    return self._strayed(message, batch, shard, misdirected(outcome.run_id, shard, home))
        return self._wrap(message, tuple(OutcomeReceived(cut(outcome)) for outcome in batch.outcomes))

    def _strayed(self, message: Incoming, batch: OutcomeBatch, shard: int, error: ProtocolError) -> Envelope:
        """Of a batch on the wrong shard's subject: the outcomes that belong there count, the others are refused."""
        now_us = self._clock.now_us()
        inputs = tuple(
            OutcomeReceived(cut(outcome))
            if shard_of(outcome.run_id, self._shards) == shard
            else failed(outcome, outcome.worker, error, now_us)
            for outcome in batch.outcomes
        )
        return self._refused(message, error, inputs)

    def _refused(
        self, message: Incoming, error: ProtocolError, inputs: tuple[OutcomeReceived, ...]
    ) -> Envelope:
        refused = [one for one in inputs if one.outcome.error is not None and one.outcome.error.fix == FIX]
        letter = dead_letter(message, naming(error, refused), self._clock.now_us())
        return Envelope(inputs=inputs, dead=(letter,), ack=self._ack(message))

    def _command(self, message: Incoming, shard: int) -> Envelope | Deploy | DeploySet:
        command: Command = decode(message.body, Command, message.headers, where=message.subject)  # type: ignore[arg-type]
        wanted = message.headers.get(REPLY_TO, "")
        self._check_reply(wanted, REPLY_TO)
        if isinstance(command, Deploy | DeploySet):
            return command
        home = shard_of(command.run_id, self._shards)
        if home != shard:
            raise misdirected(command.run_id, shard, home)
        if isinstance(command, StartRun):
            self._check_cause(command)
        if isinstance(command, StartRun) and command.trace is None:
            headers = message.headers
            trace = parse_traceparent(headers.get(TRACEPARENT), headers.get(TRACESTATE))
            command = msgspec.structs.replace(command, trace=trace)
        envelope = self._wrap(message, (command,))
        envelope.reply_to = wanted
        if wanted:
            envelope.origin = None  # the sender hears of an error, so nothing is lost
        return envelope

    def _check_reply(self, wanted: str, where: str) -> None:
        """The coordinator may publish where a sender may not, as to the API of JetStream."""
        if wanted and not (is_subject(wanted) and wanted.startswith(self._inboxes)):
            raise ProtocolError(
                "an answer is wanted on a subject that is no inbox",
                where=where,
                found=repr(wanted[:80]),
                expected=f"a subject that begins with {' or '.join(self._inboxes)}",
                fix="Let your NATS client make an inbox. The coordinator's --inbox-prefix names other prefixes.",
            )

    def _check_cause(self, command: StartRun) -> None:
        """A run that is said to have a cause is named after it: that is how the cause starts no second one."""
        wanted = caused_run_id(self._subjects.namespace, command)
        if wanted is not None and command.run_id != wanted:
            raise ProtocolError(
                "a run that an event or a schedule starts has an id of its own choice",
                where="run_id",
                found=repr(command.run_id[:80]),
                expected=f"{wanted}, which names workflow, trigger and cause",
                fix="Publish the event instead, or start the run without event_id and scheduled_at_us.",
            )

    def _wrap(self, message: Incoming, inputs: tuple[RunInput, ...]) -> Envelope:
        return Envelope(inputs=inputs, origin=message, ack=self._ack(message))

    def _ack(self, message: Incoming) -> Callable[[], None]:
        return lambda: self._bus.acknowledge(message)

    def _unreadable(self, message: Incoming, error: HeadraceError) -> Envelope:
        letter = dead_letter(message, error, self._clock.now_us())
        return Envelope(dead=(letter,), ack=self._ack(message))


def cut(outcome: Outcome) -> Outcome:
    """The outcome with an error that history can hold: it is told again in every message about it."""
    error = outcome.error
    if error is None:
        return outcome
    texts = {name: getattr(error, name) for name in ("message", "kind", "where", "found", "expected", "fix")}
    size = sum(map(len, texts.values())) + len(error.traceback) + len(str(error.details))
    if size <= ERROR_LENGTH:
        return outcome
    shorter = {name: text[:TEXT_LENGTH] for name, text in texts.items()}
    traceback = error.traceback[-ERROR_LENGTH // 2 :]
    return msgspec.structs.replace(
        outcome, error=msgspec.structs.replace(error, **shorter, traceback=traceback, details={})
    )
