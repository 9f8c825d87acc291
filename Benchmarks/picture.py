"""The ratios as a picture: one bar for each rival of each item, beside the line at which both are equal.

Written from the results that are kept, as the page is. Colours are chosen by the reader's preference; without one the
page is light.
"""

from pathlib import Path

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "performance.svg"

RIVALS = {"of_epoll": "a bare epoll loop", "of_floor": "bare evhttp", "of_nginx": "nginx", "of_redis": "Redis EXPIRE"}
NAMES = {
    "heartbeat": "heartbeat", "register": "registration", "list-service": "list of 10 instances",
    "list-names": "list of 100 names", "list-all": "list of 1,000 instances", "not-modified": "list not modified (304)",
    "list-filter": "filtered list", "tls-heartbeat": "heartbeat over TLS", "tls-handshake": "TLS handshake",
    "tls-resume": "TLS resumption"}
WIDTH, LEFT, RIGHT, TOP, ROW, BAR = 760, 190, 200, 56, 20, 13
LEAST_SPAN = 1.5  # the axis reaches at least this far, so that pictures of different days look alike

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 14px; font-weight: 600 }
  .quiet { fill: #59636e }
  .of_epoll { fill: #8250df } .of_floor { fill: #0969da } .of_nginx { fill: #1a7f37 } .of_redis { fill: #bc4c00 }
  .grid { stroke: #d1d9e0; stroke-width: 1 } .equal { stroke: #59636e; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .quiet { fill: #9198a1 }
    .of_epoll { fill: #ab7df8 } .of_floor { fill: #4493f8 } .of_nginx { fill: #3fb950 } .of_redis { fill: #f0883e }
    .grid { stroke: #3d444d } .equal { stroke: #9198a1 }
  }
"""


def bars(results):
    """(item's name, rival's figure, ratio), in the order of `NAMES` and `RIVALS`."""
    by_item = {result.item: result.figures for result in results}
    return [(NAMES[item], figure, by_item[item][figure]) for item in NAMES if item in by_item
            for figure in RIVALS if figure in by_item[item]]


def draw(results):
    """The whole picture as SVG, or None where nothing was compared."""
    rows = bars(results)
    if not rows:
        return None
    span = max(LEAST_SPAN, max(value for _, _, value in rows) * 1.05)
    height = TOP + ROW * len(rows) + 34

    def across(value):
        return LEFT + (WIDTH - LEFT - RIGHT) * value / span

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
             f'role="img" aria-label="Throughput of the registry as a ratio to other servers">',
             f"<style>{STYLE}</style>",
             f'<text class="title" x="8" y="20">Throughput beside others doing the same work, one core each</text>',
             f'<text class="quiet" x="8" y="38">1 is as fast; further right is faster than the rival</text>']
    bottom = TOP + ROW * len(rows)
    for tenths in range(0, int(span * 10) + 1, 5):
        value = tenths / 10
        kind = "equal" if value == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{across(value):.1f}" y1="{TOP - 4}" x2="{across(value):.1f}" y2="{bottom}"/>')
        parts.append(f'<text class="quiet" x="{across(value):.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    previous = None
    for place, (name, figure, value) in enumerate(rows):
        y = TOP + ROW * place
        if name != previous:
            parts.append(f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{name}</text>')
            previous = name
        parts.append(f'<rect class="{figure}" x="{LEFT}" y="{y}" width="{across(value) - LEFT:.1f}" height="{BAR}" rx="2"/>')
        parts.append(f'<text class="quiet" x="{WIDTH - RIGHT + 10}" y="{y + 11}">{value:.2f} of {RIVALS[figure]}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def write(results):
    text = draw(results)
    if text:
        PICTURE.write_text(text)
