"""The web UI: the bundle that the build left beside this package, served so that every address of it reloads.

A file of the bundle is served as it is. Any other address is a page of the UI when a browser navigates to it (it
asks for HTML then): it gets `index.html`, and the script decides what to show. A program that asks for what does not
exist gets a problem document, and a page whose script was replaced by a newer build is told so by a 404.

Styles may be inline: the components position their popovers by style attributes, which a hash or nonce cannot allow.
Scripts may not, and nothing is fetched from any other host.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from headrace_coordinator.api.problems import Incoming
from headrace_coordinator.api.services import Given

INDEX = "index.html"
HASHED = "assets"
"""Where the bundler puts files whose names change with their content."""
BUILD_COMMAND = "uv sync --reinstall-package headrace"
FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
OURS = frozenset({"api", "health", "metrics", "errors"})
"""First parts of addresses that are no pages."""
ENCODINGS = {"br": ".br", "gzip": ".gz"}
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
MISSING = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Headrace: the web UI is not built</title></head>
<body><h1>The web UI is not built</h1>
<p>This installation has no bundle of it. In the checkout, run</p>
<pre>{BUILD_COMMAND}</pre>
<p>and reload this page. The API works without it: <a href="/api/v1/info">/api/v1/info</a>,
described by <a href="/api/v1/openapi.json">/api/v1/openapi.json</a>.</p></body></html>
"""


def is_built(bundle: Path) -> bool:
    """Whether there is a bundle to serve."""
    return (bundle / INDEX).is_file()


@get("/", include_in_schema=False)
async def index(services: Given, request: Incoming) -> Response[bytes]:
    return _page(services.settings.ui, request, INDEX)


@get("/{path:path}", include_in_schema=False)
async def page(services: Given, request: Incoming, path: FromPath[Path]) -> Response[bytes]:
    return _page(services.settings.ui, request, str(path).removeprefix("/"))


def _page(bundle: Path, request: Incoming, name: str) -> Response[bytes]:
    found = _within(bundle, name)
    if found is not None:
        return _file(request, found, name)
    no_page = name.partition("/")[0] in OURS
    if name != INDEX and (no_page or "text/html" not in request.headers.get("accept", "")):
        raise NotFoundException
    document = _within(bundle, INDEX)
    if document is None:
        return Response(MISSING.encode(), status_code=503, media_type="text/html", headers=SECURITY)
    return _file(request, document, INDEX)


def _within(bundle: Path, name: str) -> Path | None:
    """A file of the bundle; None for whatever is outside of it, hidden or not there."""
    parts = name.split("/")
    if any(part.startswith(".") or not part or "\0" in part for part in parts):
        return None
    try:
        found = bundle.joinpath(*parts)
        inside = found.is_file() and found.resolve().is_relative_to(bundle.resolve())
    except (OSError, ValueError):
        return None
    return found if inside else None


def _file(request: Incoming, file: Path, name: str) -> Response[bytes]:
    status = file.stat()
    tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    forever = name.startswith(f"{HASHED}/")
    headers = {
        **SECURITY,
        "Cache-Control": FOREVER if forever else ASK_AGAIN,
        "ETag": tag,
        "Vary": "Accept-Encoding",
    }
    media_type = TYPES.get(file.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, media_type=media_type, headers=headers)
    encoding, body = _smallest(file, request.headers.get("accept-encoding", ""))
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(body, media_type=media_type, headers=headers)


def _smallest(file: Path, accepted: str) -> tuple[str, bytes]:
    """The body, as the build compressed it where the client can read that."""
    wanted = {part.partition(";")[0].strip() for part in accepted.lower().split(",")}
    for encoding, suffix in ENCODINGS.items():
        packed = file.with_name(file.name + suffix)
        if encoding in wanted and packed.is_file():
            return encoding, packed.read_bytes()
    return "", file.read_bytes()
