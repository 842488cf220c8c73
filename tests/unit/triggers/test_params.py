"""What expressions read of the trigger that fired."""

import msgspec
import pytest

from headrace_coordinator.triggers.events import Matcher
from headrace_coordinator.triggers.params import check_schedule_params, schedule_params
from headrace_protocol.cloudevent import CloudEvent
from headrace_protocol.definition import CronTrigger, EventTrigger, EveryTrigger, WorkflowDefinition
from headrace_protocol.errors import ExpressionError
from headrace_protocol.interval import Interval

HOUR = Interval(1_700_000_000_000_000, 1_700_003_600_000_000)
EXPRESSIONS = {
    "at": "trigger.scheduled_at",
    "start": "trigger.interval.start",
    "day": "string(trigger.interval.start).substring(0, 10)",
    "hours": "(trigger.interval.end - trigger.interval.start).getHours()",
    "who": 'trigger.workflow + "/" + trigger.kind + "/" + trigger.name',
}


def flow(*triggers: CronTrigger | EveryTrigger | EventTrigger) -> WorkflowDefinition:
    return WorkflowDefinition(name="flow", nodes=(), tasks={}, triggers=triggers)


def test_a_schedule_computes_params() -> None:
    trigger = CronTrigger(id="hourly", expression="0 * * * *", params={"n": 1}, expressions=EXPRESSIONS)
    check_schedule_params(flow(trigger))
    params = msgspec.msgpack.decode(schedule_params("flow", trigger, HOUR.end_us, HOUR))
    assert params == {
        "n": 1,
        "at": "2023-11-14T23:13:20Z",
        "start": "2023-11-14T22:13:20Z",
        "day": "2023-11-14",
        "hours": 1,
        "who": "flow/cron/hourly",
    }


@pytest.mark.parametrize("source", ["event.id", "trigger.", "tigger.name", ""])
def test_what_cannot_be_compiled_is_refused_with_its_place(source: str) -> None:
    trigger = EveryTrigger(id="often", every_s=60.0, expressions={"n": source})
    with pytest.raises(ExpressionError) as caught:
        check_schedule_params(flow(trigger))
    assert caught.value.where == "workflow flow, trigger often, param n"


def test_what_fails_names_its_place() -> None:
    trigger = EveryTrigger(id="often", every_s=60.0, expressions={"n": "trigger.nam"})
    with pytest.raises(ExpressionError, match="not there") as caught:
        schedule_params("flow", trigger, HOUR.end_us, HOUR)
    assert caught.value.where == "workflow flow, trigger often, param n"


def test_an_events_trigger_says_which_it_is() -> None:
    triggers = [
        EventTrigger(
            id="one", type="t", where="trigger.name == 'one'", params={"by": "trigger.name + event.id"}
        ),
        EventTrigger(id="two", type="t", where="trigger.name == 'one'"),
        EventTrigger(id="three", type="t", params={"at": "trigger.scheduled_at", "over": "trigger.interval"}),
    ]
    matcher = Matcher("n", lambda: 1)
    matcher.rebuild([msgspec.structs.replace(flow(*triggers), params={"by": {}, "at": {}, "over": {}})])
    match = matcher.match(CloudEvent(id="e-1", source="/s", type="t", data={}))
    assert not match.failures
    started = {start.trigger: msgspec.msgpack.decode(start.params) for start in match.starts}
    assert started == {"event:one": {"by": "onee-1"}, "event:three": {"at": None, "over": None}}
