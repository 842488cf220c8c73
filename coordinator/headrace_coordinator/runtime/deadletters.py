"""Dead letters: messages that were accepted and cannot be processed, with the reason."""

from __future__ import annotations

from hashlib import blake2b

from headrace_coordinator.bus.port import Incoming
from headrace_coordinator.runtime import metrics
from headrace_coordinator.store.records import DeadLetter, LetterState
from headrace_protocol.deliveries import Rejected
from headrace_protocol.errors import Conflict, ErrorCode, ErrorInfo, HeadraceError

_STREAM, _SEQUENCE_V1, _SEQUENCE_V2, _V1_TOKENS = 2, 5, 7, 9


def _identity(message: Incoming) -> bytes:
    """Names the message within its stream, so that a redelivery is the same letter: `$JS.ACK.[<domain>.<account>.]
    <stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<timestamp>.<pending>`."""
    tokens = message.reply.split(".")
    if len(tokens) < _V1_TOKENS:
        return message.body
    first = _STREAM if len(tokens) == _V1_TOKENS else _STREAM + 2
    sequence = _SEQUENCE_V1 if len(tokens) == _V1_TOKENS else _SEQUENCE_V2
    return f"{tokens[first]}/{tokens[sequence]}/{tokens[sequence + 2]}".encode()


def understood(error: Exception) -> HeadraceError:
    """The error itself, or one of ours around what nobody expected."""
    if isinstance(error, HeadraceError):
        return error
    return HeadraceError(f"{type(error).__name__}: {error}", code=ErrorCode.INTERNAL)


def dead_letter(message: Incoming, error: HeadraceError, now_us: int, *, also: str = "") -> DeadLetter:
    """The letter for a message. `also` tells letters of one message apart, such as one for each trigger."""
    metrics.dead_letters.add(1, error.code)
    name = _identity(message) + b"\0" + also.encode()
    return DeadLetter(
        letter_id=blake2b(name, digest_size=10).hexdigest(),
        received_at_us=now_us,
        subject=_text(message.subject),
        headers={_text(name): _text(value) for name, value in message.headers.items()},
        body=message.body,
        error=error.info(),
    )


def event_letter(
    message: Incoming, error: ErrorInfo, now_us: int, *, event: tuple[str, str], trigger: str
) -> DeadLetter:
    """The letter that keeps an event for one trigger that failed on it. It is named after the event (source, id), so
    that an event that comes again, or by another way, is the same letter."""
    metrics.dead_letters.add(1, error.code)
    name = "\0".join(("event", *event, trigger)).encode()
    return DeadLetter(
        letter_id=blake2b(name, digest_size=10).hexdigest(),
        received_at_us=now_us,
        subject=_text(message.subject),
        headers={_text(name): _text(value) for name, value in message.headers.items()},
        body=message.body,
        error=error,
    )


def check_open(letter: DeadLetter) -> None:
    """Raises Conflict for a letter with which something has been done."""
    if letter.state is not LetterState.OPEN:
        raise Conflict(
            f"the dead letter is already {letter.state}",
            where=letter.letter_id,
            found=letter.state,
            expected=LetterState.OPEN,
        )


def _text(value: str) -> str:
    """Headers may hold bytes that are no UTF-8; a letter must be storable whatever the message was."""
    return value.encode("utf-8", "replace").decode()


def rejected_letter(message: Incoming, rejected: Rejected, now_us: int) -> DeadLetter:
    """The letter for a message that a worker could not understand."""
    metrics.dead_letters.add(1, rejected.error.code)
    return DeadLetter(
        letter_id=blake2b(_identity(message), digest_size=10).hexdigest(),
        received_at_us=now_us,
        subject=rejected.subject,
        headers=rejected.headers,
        body=rejected.body,
        error=rejected.error,
    )
