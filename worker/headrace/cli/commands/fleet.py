"""`headrace workers` and `headrace queues`: who works, and what waits."""

from __future__ import annotations

from headrace.cli import output
from headrace.cli.options import ApiFlag, JsonFlag
from headrace.cli.settings import api_url


def workers(api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """List workers and how busy they are."""
    from headrace.cli.api import Api
    from headrace.cli.rendering.listings import worker_table
    from headrace.cli.views import WorkerList

    client = Api(api_url(api))
    if as_json:
        output.say_json(client.get_bytes("/workers"))
        return
    found = client.get("/workers", WorkerList).workers
    if not found:
        output.note("no worker was heard of: `headrace worker FILE_OR_MODULE`")
        return
    output.say(*worker_table(found))


def queues(api: ApiFlag = None, as_json: JsonFlag = False) -> None:
    """List queues and what waits in them."""
    from headrace.cli.api import Api
    from headrace.cli.rendering.listings import queue_table
    from headrace.cli.views import QueueList

    client = Api(api_url(api))
    if as_json:
        output.say_json(client.get_bytes("/queues"))
        return
    found = client.get("/queues", QueueList).queues
    if not found:
        output.note("there is no queue yet: the first worker or task makes one")
        return
    output.say(*queue_table(found))
