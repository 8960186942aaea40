from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure

from marrowmap.report.canvas import plain_style
from marrowmap.report.canvas import svg
from marrowmap.report.canvas import webp


def test_a_readers_own_settings_change_nothing() -> None:
    def draw() -> tuple[bytes, bytes]:
        with plain_style():
            figure = Figure(figsize=(1, 1))
            figure.subplots().set_title("mm")
            return webp(figure), svg(figure)

    plain = draw()
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        assert draw() == plain
        assert mpl.rcParams["font.size"] == 20
