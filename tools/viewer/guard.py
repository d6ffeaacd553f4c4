"""The check of requests: only this machine's browser, from the page itself, is served."""

from __future__ import annotations

from werkzeug.wrappers import Request

# A page whose name resolves to this machine (DNS rebinding) still sends its own name.
HOSTS = {"127.0.0.1", "localhost"}
# "none" is for addresses that the user typed or opened from a terminal.
SITES = {"same-origin", "none"}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def refusal(request: Request) -> str | None:
    """The reason to refuse a request; None if it is allowed."""
    host = request.headers.get("Host", "")
    if host.partition(":")[0] not in HOSTS:
        return f"Expected the address that the command printed, got a request for {host!r}."
    origin = request.headers.get("Origin", f"http://{host}")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin != f"http://{host}" or site not in SITES:
        return "Another page sent this request: open the address that the command printed."
    return None
