"""The bundle: files as they are, pages by one document, and what happens without it."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import pytest

from headrace_coordinator.api.app import Api
from headrace_coordinator.api.ui import BUILD_COMMAND, is_built

pytestmark = pytest.mark.anyio
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def bundle(app: Api, tmp_path: Path) -> Path:
    ui = tmp_path / "ui"
    (ui / "assets").mkdir(parents=True)
    (ui / "index.html").write_text("<!doctype html><script src=/assets/index-1a2b.js></script>")
    (ui / "assets" / "index-1a2b.js").write_text("let plain")
    (ui / "assets" / "index-1a2b.js.br").write_bytes(b"brotli")
    (ui / "assets" / "index-1a2b.js.gz").write_bytes(b"gzip")
    (ui / ".stamp").write_text("built")
    (tmp_path / "secret").write_text("not yours")
    (ui / "assets" / "leak.js").symlink_to(tmp_path / "secret")
    app.services.settings = msgspec.structs.replace(app.services.settings, ui=ui)
    return ui


@pytest.mark.parametrize(
    "path", ["/", "/runs/r1/logs?task=load", "/workflows/flights/grid", "/assets/a/lineage"]
)
async def test_every_page_is_the_one_document(http: httpx.AsyncClient, bundle: Path, path: str) -> None:
    answer = await http.get(path, headers=BROWSER)
    assert (answer.status_code, answer.text) == (200, (bundle / "index.html").read_text())
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    again = await http.get(path, headers={**BROWSER, "if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.text) == (304, "")


async def test_a_rebuilt_document_is_sent_anew(http: httpx.AsyncClient, bundle: Path) -> None:
    tag = (await http.get("/")).headers["etag"]
    (bundle / "index.html").write_text("<!doctype html>newer and longer")
    assert (await http.get("/", headers={"if-none-match": tag})).text.endswith("longer")


async def test_hashed_files_are_kept_for_ever(http: httpx.AsyncClient, bundle: Path) -> None:
    answer = await http.get("/assets/index-1a2b.js", headers={"accept-encoding": "identity"})
    assert answer.text == "let plain"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br;q=0.9", "br"), ("gzip", "gzip")])
async def test_what_the_build_compressed_is_used(
    http: httpx.AsyncClient, bundle: Path, accepted: str, encoding: str
) -> None:
    request = http.build_request("GET", "/assets/index-1a2b.js", headers={"accept-encoding": accepted})
    answer = await http.send(request, stream=True)
    assert answer.headers["content-encoding"] == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-length"] == str(len({"br": b"brotli", "gzip": b"gzip"}[encoding]))
    await answer.aclose()


@pytest.mark.parametrize(
    "path",
    [
        "/assets/old-9f9f.js",
        "/../secret",
        "/assets/leak.js",
        "/%2e%2e/secret",
        "/.stamp",
        "/assets//etc/passwd",
        "/%00",
    ],
)
async def test_what_is_not_in_the_bundle_is_not_found(
    http: httpx.AsyncClient, bundle: Path, path: str
) -> None:
    answer = await http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/nope", "/health/nope", "/errors/nope"])
async def test_pages_hide_nothing_of_the_api(http: httpx.AsyncClient, bundle: Path, path: str) -> None:
    answer = await http.get(path, headers=BROWSER)
    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert (await http.get("/health/live", headers=BROWSER)).json() == {"status": "live"}


async def test_without_a_bundle_the_page_says_how_to_build_it(
    app: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    app.services.settings = msgspec.structs.replace(app.services.settings, ui=tmp_path)
    assert not is_built(tmp_path)
    answer = await http.get("/runs", headers=BROWSER)
    assert answer.status_code == 503
    assert BUILD_COMMAND in answer.text
    assert (await http.get("/api/v1/info")).status_code == 200
