"""Writes the golden frames anew: `python -m tests.wire.regenerate --contract-changed`.

A changed golden frame is a changed contract: messages of this shape are on the bus and in stores out there.
It is right when a field was added with a default, and never to make a test pass.
"""

import sys
import textwrap

from headrace_protocol import codec
from tests.wire.frames import FRAMES, GOLDEN, as_json

CONFIRMATION = "--contract-changed"


def main(arguments: list[str]) -> int:
    if arguments != [CONFIRMATION]:
        print(__doc__, file=sys.stderr)
        return 2
    GOLDEN.mkdir(exist_ok=True)
    for name, frame in FRAMES.items():
        body = codec.encode(frame)
        (GOLDEN / f"{name}.hex").write_text("\n".join(textwrap.wrap(body.hex(), 100)) + "\n")
        (GOLDEN / f"{name}.json").write_bytes(as_json(body))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
