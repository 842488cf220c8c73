"""Where a setting comes from, and what is said of a wrong one."""

import os
import sys
from pathlib import Path

import msgspec
import pytest

from headrace.cli import app, settings
from headrace_protocol.errors import ConfigError

NOBODY = "http://127.0.0.1:9"


class Result(msgspec.Struct):
    code: int
    out: str
    err: str


class Command:
    """Runs `headrace` in this process, in a directory of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Result:
        with pytest.raises(SystemExit) as ended:
            app.run(list(arguments))
        said = self._capsys.readouterr()
        return Result(int(ended.value.code or 0), said.out, said.err)

    def file(self, text: str) -> Path:
        path = self.folder / settings.FILE_NAME
        path.write_text(text)
        return path


@pytest.fixture
def headrace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return Command(tmp_path, capsys)


def test_a_flag_wins_over_a_variable_over_the_file(
    headrace: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    headrace.file(f'api = "{NOBODY}/file"')
    assert f"{NOBODY}/file".removesuffix("/file") in headrace("runs", "list").err
    monkeypatch.setenv("HEADRACE_API", "http://127.0.0.1:7")
    assert "http://127.0.0.1:7" in headrace("runs", "list").err
    assert "http://127.0.0.1:5" in headrace("runs", "list", "--api", "http://127.0.0.1:5").err


def test_the_file_is_found_upward_and_a_table_is_for_one_command(headrace: Command) -> None:
    headrace.file('api = "http://127.0.0.1:7"\n[runs.list]\napi = "http://127.0.0.1:8"\nlimit = 3')
    below = headrace.folder / "a" / "b"
    below.mkdir(parents=True)
    os.chdir(below)
    assert "127.0.0.1:8" in headrace("runs", "list").err
    assert "127.0.0.1:7" in headrace("workflows", "list").err


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("apo = 'x'", "apo", "Did you mean api?"),
        ("[wrker]\nslots = 2", "wrker", "Did you mean worker?"),
        ("[worker]\nslots = 'many'", "slots", "many"),
        ("[worker]\nslots = 0", "slots", "0"),
        ("api = ", "headrace.toml", "cannot be read"),
    ],
)
def test_a_wrong_file_is_a_typed_error(headrace: Command, text: str, where: str, said: str) -> None:
    headrace.file(text)
    result = headrace("runs", "list")
    assert result.code == 2
    assert where in result.err
    assert said in result.err
    assert "start.config_invalid" in result.err
    assert "Traceback" not in result.err


def test_a_wrong_variable_is_named(headrace: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_SLOTS", "many")
    result = headrace("worker", "flows.py")
    assert result.code == 2
    assert "HEADRACE_SLOTS" in result.err


def test_nats_in_the_file_does_not_take_the_way_from_http(headrace: Command) -> None:
    headrace.file(f'api = "{NOBODY}"\nnats = "nats://127.0.0.1:7"')
    assert NOBODY in headrace("publish", "a.b").err
    assert "127.0.0.1:5" in headrace("publish", "a.b", "--nats", "nats://127.0.0.1:5").err


@pytest.mark.parametrize("url", ["ftp://here", "http://", "::"])
def test_a_wrong_api_url_is_a_setting_not_a_failure(headrace: Command, url: str) -> None:
    result = headrace("runs", "list", "--api", url)
    assert result.code == 2
    assert url in result.err


def test_a_running_dev_is_found_and_a_dead_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / settings.DEV_FILE
    path.parent.mkdir()
    below = tmp_path / "src"
    below.mkdir()

    def write(pid: int) -> None:
        dev = settings.Dev(pid=pid, api="http://127.0.0.1:1", nats="nats://127.0.0.1:2", data=str(tmp_path))
        path.write_bytes(msgspec.json.encode(dev))

    write(os.getpid())
    found = settings.running_dev(below)
    assert found is not None
    assert found.api == "http://127.0.0.1:1"
    write(2**22 + 1)
    assert settings.running_dev(tmp_path) is None
    path.write_text("{")
    assert settings.running_dev(tmp_path) is None


def test_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        settings.read_file(tmp_path)


def test_help_loads_nothing_slow(headrace: Command) -> None:
    import subprocess

    code = (
        "import sys\nfrom headrace.cli import app\n"
        "try:\n    app.run(['--help'])\nexcept SystemExit:\n    pass\n"
        "slow = {'rich', 'httpx', 'nats', 'litestar', 'sqlalchemy', 'opentelemetry', 'asyncio', 'ssl'}\n"
        "sys.exit(', '.join(sorted(slow & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("dev", "coordinator", "demo", "worker", "runs", "deadletters"):
        assert f"  {command} " in done.stdout


def test_the_protocol_is_printed(headrace: Command) -> None:
    assert '"asyncapi": "3.0.0"' in headrace("protocol", "--asyncapi").out
    assert '"TaskMessage"' in headrace("protocol", "--schemas").out
    assert set(msgspec.json.decode(headrace("protocol").out)) == {"asyncapi", "schemas"}
