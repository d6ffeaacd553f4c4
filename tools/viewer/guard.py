"""Who is served: this machine's own browser, on the page itself, and nobody else."""

from __future__ import annotations

from werkzeug.wrappers import Request

# A page elsewhere whose name is made to lead here (DNS rebinding) still says its own name.
HOSTS = {"127.0.0.1", "localhost"}
# "none": an address that the user typed or opened from a terminal.
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
    """Why a request is not answered; None if it is."""
    host = request.headers.get("Host", "")
    if host.partition(":")[0] not in HOSTS:
        return f"Expected the address that the command printed, got a request for {host!r}."
    origin = request.headers.get("Origin", f"http://{host}")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin != f"http://{host}" or site not in SITES:
        return "A page of another origin asks: open the address that the command printed itself."
    return None
