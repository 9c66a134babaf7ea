"""The report of a watched submission as a page on this machine alone, which loads itself again.

The server listens on 127.0.0.1, answers under a path that nobody can guess, and only to who asks for it by that
address: a page elsewhere that has a name of its own lead here gets nothing.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from verify.language import tr

_HOLD = 20.0  # s that a question for news is held open

_SCRIPT = """
(async () => {
  const note = document.getElementById("watch-note");
  let seen = Number(note.dataset.version), told = note.textContent;
  for (;;) {
    try {
      const said = await (await fetch("news?version=" + seen + "&told=" + encodeURIComponent(told))).json();
      if (said.version !== seen) { location.reload(); return; }
      note.textContent = told = said.note;
    } catch {
      note.textContent = told = note.dataset.ended;
      await new Promise(done => setTimeout(done, 1000));
    }
  }
})();
"""
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_STYLE = (
    "#watch-note{position:fixed;right:1rem;bottom:1rem;margin:0;padding:.3rem .8rem;border-radius:.4rem;"
    "background:#333;color:#fff;font:.9rem/1.4 system-ui,sans-serif}@media print{#watch-note{display:none}}"
)
_EMPTY = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>backproof</title><body></body></html>"
)


class Board:
    """What the page shows now, and who waits for it to change."""

    def __init__(self) -> None:
        self._changed = Condition()
        self.version, self.note, self.page = 0, "", _EMPTY

    def show(self, note: str, page: str | None = None) -> None:
        """Another note, and another page where there is one."""
        with self._changed:
            self.note = note
            if page is not None:
                self.version, self.page = self.version + 1, page
            self._changed.notify_all()

    def news(self, version: int, told: str) -> dict[str, Any]:
        """The version and the note, once they are others than those that were told, or after a while."""
        with self._changed:
            self._changed.wait_for(lambda: (self.version, self.note) != (version, told), _HOLD)
            return {"version": self.version, "note": self.note}

    def html(self) -> tuple[str, str]:
        """The page with its note, and the policy that lets only the scripts that stand in it run."""
        from markupsafe import escape

        with self._changed:
            page, note, version = self.page, self.note, self.version
        extra = (
            f'<style>{_STYLE}</style><p id="watch-note" role="status" data-version="{version}" '
            f'data-ended="{escape(tr("the program has ended"))}">{escape(note)}</p><script>{_SCRIPT}</script>'
        )
        # The header's policy takes the place of the page's own, which lets no script run.
        before, end, after = _POLICY.sub("", page).rpartition("</body>")
        page = f"{before}{extra}{end}{after}"
        hashes = " ".join(f"'sha256-{_digest(script)}'" for script in re.findall(r"<script>(.*?)</script>", page, re.S))
        return page, (
            f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


def _digest(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()


@contextmanager
def served(board: Board, port: int = 0) -> Iterator[str]:
    """Serve the board while the block runs; its address. A port of 0 is one that is free."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.board, server.token = board, secrets.token_urlsafe(24)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{server.token}/"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a held question must not keep the program
    board: Board
    token: str


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version, sys_version = "backproof", ""
    timeout = 30

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        token, _, rest = path.lstrip("/").partition("/")
        if self.headers.get("Host") not in self._hosts():
            return self._answer(403, "text/plain", "This page is for this machine alone.")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()) or rest not in ("", "news"):
            return self._answer(404, "text/plain", "There is nothing here.")
        if rest == "news":
            return self._answer(200, "application/json", json.dumps(self.server.board.news(*_asked(query))))
        page, policy = self.server.board.html()
        return self._answer(200, "text/html", page, policy)

    def _hosts(self) -> tuple[str, str]:
        port = self.server.server_port
        return f"127.0.0.1:{port}", f"localhost:{port}"

    def _answer(self, status: int, kind: str, text: str, policy: str = "default-src 'none'") -> None:
        data = text.encode(errors="backslashreplace")
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(data))),
            ("Content-Security-Policy", policy), ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is for the person who writes."""


def _asked(query: str) -> tuple[int, str]:
    from urllib.parse import parse_qs

    asked = parse_qs(query, keep_blank_values=True)
    version = asked.get("version", ["-1"])[0]
    return int(version) if version.isdecimal() and len(version) < 10 else -1, asked.get("told", [""])[0]
