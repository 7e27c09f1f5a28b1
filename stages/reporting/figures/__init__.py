"""Every picture: from arrays and tables to a PNG file. Nothing here knows where files lie or what a stage is."""

from stages.reporting.figures.advice import advice
from stages.reporting.figures.dots import dots
from stages.reporting.figures.fonts import unreadable
from stages.reporting.figures.grids import confusion, per_class
from stages.reporting.figures.lines import accuracy_by_labels, learning_curves
from stages.reporting.figures.planes import embedding_map
from stages.reporting.figures.read_off import read_off

__all__ = [
    "accuracy_by_labels",
    "advice",
    "confusion",
    "dots",
    "embedding_map",
    "learning_curves",
    "per_class",
    "read_off",
    "unreadable",
]
