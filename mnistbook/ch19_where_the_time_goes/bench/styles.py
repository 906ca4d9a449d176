"""How figures draw each peer."""

from __future__ import annotations

from mnistbook.ch19_where_the_time_goes.bench.peers import BOUND, PEERS, PLAIN
from mnistbook.kit.style import COLOURS, GREY

__all__ = ["STYLES"]

BROWN, INDIGO = "#7a4b12", "#332288"
STYLES = {
    name: {"color": colour, "marker": marker, "linestyle": line, "markersize": 4, "linewidth": 1.4}
    for name, colour, marker, line in zip(
        [name for name in PEERS if name not in PLAIN],
        [*COLOURS[:6], BROWN, GREY, INDIGO, *COLOURS[6:]],
        "osD^vPpXd*",
        ["-", "--", "-.", ":", "--", "-.", "-", ":", "--", ":"],
        strict=True,
    )
} | {BOUND: {"color": "black", "marker": "x", "linestyle": "-", "markersize": 4, "linewidth": 1}}
