"""A nats-server whose configuration changes while it runs, and that hangs up on whom a test names."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import nats

from headrace_coordinator.local.nats_server import EmbeddedNats

USERS = """
accounts {{
  ALL {{ jetstream: enabled, users: [ {{ user: "app", password: "{password}" }} ] }}
  SYS {{ users: [ {{ user: "admin", password: "admin" }} ] }}
}}
system_account: SYS
"""


class TunableNats(EmbeddedNats):
    """With users: `app`, whose password can be changed, and `admin` of the system account."""

    def __init__(self, data_dir: Path, port: int) -> None:
        super().__init__(data_dir, port=port)
        self.password = "one"
        self.settings: dict[str, object] = {}

    def _config(self) -> str:
        base = super()._config()
        for name, value in self.settings.items():
            base = "\n".join(line for line in base.splitlines() if not line.startswith(f"{name}:"))
            base += f"\n{name}: {value}\n"
        return base + USERS.format(password=self.password)

    async def reload(self, *, password: str = "", **settings: object) -> None:
        """Change the configuration of the running server."""
        self.password = password or self.password
        self.settings.update(settings)
        (self.data_dir / "nats-server.conf").write_text(self._config())
        before = self.log_file.read_text().count("Reloaded server configuration")
        assert self.pid is not None
        os.kill(self.pid, signal.SIGHUP)
        while self.log_file.read_text().count("Reloaded server configuration") == before:
            await asyncio.sleep(0.02)

    async def kick_all(self) -> int:
        """Hang up on every client of `app`; how many there were."""
        connection = await nats.connect(self.url, user="admin", password="admin")
        try:
            asked = json.dumps({"auth": True, "limit": 1024}).encode()
            answer = json.loads((await connection.request("$SYS.REQ.SERVER.PING.CONNZ", asked, 5)).data)
            server, clients = answer["server"]["id"], answer["data"]["connections"]
            kicked = [one["cid"] for one in clients if one.get("authorized_user") == "app"]
            for client in kicked:
                await connection.request(
                    f"$SYS.REQ.SERVER.{server}.KICK", json.dumps({"cid": client}).encode(), 5
                )
            return len(kicked)
        finally:
            await connection.close()
