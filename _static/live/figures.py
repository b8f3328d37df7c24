"""Matplotlib's backend in the browser: each figure becomes an SVG on the page, as in the book's notebooks."""

import io

import kernel
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas  # noqa: F401


def show(*args, **kwargs):
    """Show and close every open figure."""
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.savefig(drawn := io.StringIO(), format="svg", metadata={"Date": None})
        kernel.emit("figure", drawn.getvalue(), kernel.alt or describe(figure))
    plt.close("all")


def describe(figure):
    """A figure in words, as far as its titles, axes and legends tell, for one that its author has not described."""
    said = []
    for ax in figure.axes:
        labels = [text for text in (ax.get_title() or ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()) if text]
        legend = ax.get_legend()
        names = [text.get_text() for text in legend.get_texts()] if legend else []
        said.append(", ".join(labels + names) or f"{len(ax.lines)} lines and {len(ax.collections) + len(ax.images)} other marks")
    return f"Figure drawn by your code. {'; '.join(said[:4])}".rstrip(". ") + "."
