"""What happens to a delivery beside the work itself: its lease, its notices, its outcome."""

from __future__ import annotations

from headrace.bus import Delivery
from headrace.runtime.attempt import Attempt, Produced, Stop, now_us
from headrace.runtime.capture import Captured
from headrace.runtime.failures import Failure, failed
from headrace.runtime.leases import Leases
from headrace.runtime.notices import Notices
from headrace.runtime.outcomes import OutcomeSender
from headrace.runtime.redeliveries import Redeliveries
from headrace_protocol.errors import ErrorCode
from headrace_protocol.messages import Outcome, OutcomeState, Result, ReturnReason, TaskMessage


class Reports:
    """Tells the bus and the coordinator what becomes of attempts."""

    def __init__(
        self,
        worker: str,
        leases: Leases,
        outcomes: OutcomeSender,
        redeliveries: Redeliveries,
        notices: Notices,
        capture: Captured,
    ) -> None:
        self.worker = worker
        self._redeliveries = redeliveries
        self._leases = leases
        self._outcomes = outcomes
        self._notices = notices
        self._capture = capture

    def finished_before(self, attempt: Attempt) -> bool:
        """Whether its outcome waits to be sent: the message, delivered again, is settled along with it."""
        return self._outcomes.adopt(attempt)

    def received(self, attempt: Attempt) -> None:
        self._leases.hold(attempt.reply)

    def received_again(self, attempt: Attempt, reply: str) -> None:
        """The bus believed us dead, and delivered the message of a running attempt again."""
        self._leases.drop(attempt.reply)
        attempt.reply = reply
        self._leases.hold(reply)

    def started(self, attempt: Attempt) -> None:
        self._notices.started(attempt)

    def redelivered(self, message: TaskMessage, delivery: Delivery) -> None:
        """The bus had given the message to somebody before: whether that one is lost is not ours to decide."""
        self._redeliveries.hold(message, delivery)

    def returned(self, attempt: Attempt, reason: ReturnReason, failure: Failure | None = None) -> None:
        """The attempt did not end: it is dispatched again. A bare NAK would look like a lost delivery."""
        self._end(
            attempt,
            Outcome(
                run_id=attempt.message.run_id,
                node=attempt.message.node,
                item=attempt.message.item,
                attempt=attempt.message.attempt,
                state=OutcomeState.RETURNED,
                started_at_us=attempt.started_at_us,
                finished_at_us=now_us(),
                worker=self.worker,
                queued_at_us=attempt.message.queued_at_us,
                delivery=attempt.delivery,
                reason=reason,
                dispatch=attempt.message.dispatch,
                error=None if failure is None else failure.error,
            ),
        )

    def succeeded(self, attempt: Attempt, produced: Produced) -> None:
        result = Result(stored=produced.stored) if produced.stored else Result(produced.raw)
        self._end(
            attempt,
            Outcome(
                run_id=attempt.message.run_id,
                node=attempt.message.node,
                item=attempt.message.item,
                attempt=attempt.message.attempt,
                state=OutcomeState.SUCCEEDED,
                started_at_us=attempt.started_at_us,
                finished_at_us=now_us(),
                worker=self.worker,
                queued_at_us=attempt.message.queued_at_us,
                delivery=attempt.delivery,
                code=attempt.code,
                result=result,
                counts=produced.counts,
            ),
        )

    def failed(self, attempt: Attempt, failure: Failure) -> None:
        finished_at_us = now_us()
        self._end(
            attempt,
            Outcome(
                run_id=attempt.message.run_id,
                node=attempt.message.node,
                item=attempt.message.item,
                attempt=attempt.message.attempt,
                state=OutcomeState.FAILED,
                started_at_us=attempt.started_at_us or finished_at_us,
                finished_at_us=finished_at_us,
                worker=self.worker,
                queued_at_us=attempt.message.queued_at_us,
                delivery=attempt.delivery,
                code=attempt.code,
                error=failure.error,
                error_kinds=failure.kinds,
                advice=failure.advice,
                retry_after_s=failure.retry_after_s,
                lost_input=failure.lost_input,
            ),
        )

    def _end(self, attempt: Attempt, outcome: Outcome) -> None:
        self._capture.finish(attempt)
        self._outcomes.add(attempt, outcome)


def why_stopped(attempt: Attempt) -> Failure | None:
    """The failure of a stopped attempt; None when its task goes back to the queue, or it was not stopped."""
    match attempt.stop:
        case Stop.TIMEOUT:
            return failed(
                ErrorCode.TASK_TIMEOUT,
                f"the attempt took longer than {attempt.message.timeout_s:g} s",
                like=TimeoutError,
            )
        case Stop.DEADLINE:
            return failed(ErrorCode.RUN_DEADLINE, "the run's deadline has passed")
        case Stop.CANCELLED:
            reason = f": {attempt.reason}" if attempt.reason else ""
            return failed(ErrorCode.TASK_CANCELLED, f"the attempt was cancelled{reason}")
        case Stop.DRAIN | None:
            return None
