"""Google's Lighthouse over the built pages, as a phone and as a desktop: `python -m tools.lighthouse [page ...]`.

Needs Chromium and npm's `lighthouse`, version 12 with Node 20: as a command, or its folder `node_modules` in LIGHTHOUSE.
The pages are served gzipped, as any web host serves them. Scores are printed; nothing is judged.
"""
from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import cache, partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from tools.environment import BUILD, Problem
from tools.server import Quiet

CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
TEXT = {".html", ".css", ".js", ".mjs", ".json", ".svg", ".xml", ".txt", ".ttf", ".map"}
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"


@cache
def packed(path: str, changed: float) -> bytes:
    return gzip.compress(Path(path).read_bytes(), 6)


class Gzipped(Quiet):
    """What text a web host sends, it sends gzipped."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.suffix not in TEXT or not path.is_file() or "gzip" not in self.headers.get("Accept-Encoding", ""):
            return super().do_GET()
        content = packed(str(path), path.stat().st_mtime)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def listen(site: Path) -> ThreadingHTTPServer:
    """A server for `site`, gzipped, at any port, running."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Gzipped, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def command() -> list[str]:
    folder = os.environ.get("LIGHTHOUSE")
    if folder:
        return ["node", str(Path(folder) / "lighthouse" / "cli" / "index.js")]
    if shutil.which("lighthouse"):
        return ["lighthouse"]
    raise Problem("There is no `lighthouse` here: `npm install lighthouse@12` somewhere, and name its node_modules in LIGHTHOUSE.")


def measure(address: str, desktop: bool) -> dict:
    """Lighthouse's report on a page."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        arguments = [address, "--output=json", f"--output-path={report}", f"--chrome-flags={FLAGS} --user-data-dir={scratch}/profile", "--quiet",
                     f"--only-categories={','.join(CATEGORIES)}", *(["--preset=desktop"] if desktop else [])]
        chromium = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), "")
        result = subprocess.run([*command(), *arguments], env=os.environ | {"CHROME_PATH": chromium}, capture_output=True, text=True)
        if not report.exists():
            raise Problem(f"Lighthouse gave no report on {address}: {result.stderr[-600:]}")
        return json.loads(report.read_text(encoding="utf-8"))


def main(pages: list[str]) -> None:
    site = BUILD / "html"
    pages = pages or sorted(path.relative_to(site).as_posix() for path in (site / "chapters").rglob("*.html"))
    with listen(site) as server:
        for page in pages:
            for desktop in (False, True):
                report = measure(f"http://localhost:{server.server_port}/{page}", desktop)
                scores = {name: round(100 * (report["categories"][name]["score"] or 0)) for name in CATEGORIES}
                print(page, "desktop" if desktop else "mobile", scores, flush=True)
                for name in ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift", "speed-index", "total-byte-weight"):
                    print("   ", name, report["audits"][name]["displayValue"])
                for category in CATEGORIES[1:]:
                    for part in report["categories"][category]["auditRefs"]:
                        audit = report["audits"][part["id"]]
                        if part["weight"] and audit["score"] is not None and audit["score"] < 1:
                            print("    !", category, audit["id"], [item for item in (audit.get("details") or {}).get("items", [])][:3])
        server.shutdown()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Problem as problem:
        sys.exit(str(problem))
