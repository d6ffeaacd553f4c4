"""A self-contained HTML page without scripts, and its tables."""

from __future__ import annotations

from html import escape

from tfl_depth.tools.lib.inspect_text import Section

PAGE_WIDTH = 960
_STYLE = f"""
  :root {{ color-scheme: light dark; }}
  body {{ font: 15px/1.45 system-ui, sans-serif; max-width: {PAGE_WIDTH}px; margin: 2rem auto;
         padding: 0 1rem; }}
  h1 {{ font-size: 1.5rem; }}
  h2 {{ font-size: 1.05rem; margin: 1.6rem 0 .4rem; }}
  table {{ border-collapse: collapse; }}
  th {{ text-align: left; font-weight: 400; opacity: .7; padding-right: 1.5rem; min-width: 8rem;
       vertical-align: top; white-space: nowrap; }}
  td {{ white-space: pre-wrap; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }}
  .wide {{ overflow-x: auto; }}
  svg {{ width: 100%; min-width: 45rem; height: auto; }}
  svg text {{ font: 12px system-ui, sans-serif; fill: currentColor; }}
"""


def html_page(title: str, body: str) -> str:
    """A page.

    Args:
        title: its title and heading, as text.
        body: the rest, as HTML.
    """
    title = escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )


def html_table(section: Section) -> str:
    """A section as a heading and a table."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>\n" for name, text in section.rows
    )
    return f"<h2>{escape(section.title)}</h2>\n<table>\n{rows}</table>\n"
