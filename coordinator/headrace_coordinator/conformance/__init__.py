"""A kit that tells whether a worker, in any language, keeps the contract of docs/protocol.md.

It plays the coordinator from a script against a real nats-server. Each *part* starts the worker under test on a server
of its own and publishes *probes* (task messages). What the worker sends, outcomes and settlements alike, is *recorded*
as it passes the server, so that the order of the two is known. Then the part *judges* the recording: it has one finding
for each of its *rules*. Parts run at the same time; nothing they do touches another part.

- `rules` is the contract as a table: what is checked, how strictly, and where to read about it;
- `probes` are the task messages, `recording` is what was heard, `stage` joins a namespace and its worker;
- `parts` has one module for each part, `kit` runs them and makes the report.
"""

from headrace_coordinator.conformance.kit import PARTS, KitSettings, Report, examine
from headrace_coordinator.conformance.rules import Finding, Level, Verdict

__all__ = ["PARTS", "Finding", "KitSettings", "Level", "Report", "Verdict", "examine"]
