"""python -m tests.first_page FOLDER: draws README's picture.

Left, the images that `typiclust` chose first in FOLDER, a project in which that stage is done; right, the accuracy of a
probe on what four strategies chose, from the table in metrics/reported/selection.md.
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import numpy as np

from stages.reporting.figures.style import percent, picture, plain_log, styles

ROOT = Path(__file__).parent.parent
SHOWN = ("typiclust", "kmeans", "random", "coreset")
ACROSS, DOWN = 8, 5


def chosen(folder: Path) -> np.ndarray:
    """The images that the strategy chose first, uint8 [n, S, S, 3]."""
    with (folder / "data" / "selection" / "typiclust" / "chosen.csv").open(newline="") as file:
        names = [row["image"] for row in csv.DictReader(file)][: ACROSS * DOWN]
    rows = {name: row for row, name in enumerate(np.load(folder / "data" / "raw" / "train" / "names.npy"))}
    packed = np.load(folder / "data" / "raw" / "train" / "images.npy", mmap_mode="r")
    return np.stack([packed[rows[name]] for name in names])


def reported() -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The budgets, and for each strategy mean and standard deviation of the probe's accuracy, as shares."""
    lines = (ROOT / "metrics" / "reported" / "selection.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    budgets = np.array([float(cell.replace(",", "")) for cell in cells[0][2:]])
    found = {}
    for figure, strategy, *values in cells[1:]:
        if figure == "probe (%)" and strategy.strip("`") in SHOWN:
            pairs = np.array([[float(part) for part in re.split(" ± ", value)] for value in values]) / 100
            found[strategy.strip("`")] = (pairs[:, 0], pairs[:, 1])
    return budgets, found


def main() -> None:
    images = chosen(Path(sys.argv[1]))
    budgets, accuracies = reported()
    with picture(ROOT / "metrics" / "reported" / "first-page.png", 8.4, 3.1) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
        size = images.shape[1]
        sheet = np.full((DOWN * (size + 2) - 2, ACROSS * (size + 2) - 2, 3), 255, np.uint8)
        for place, image in enumerate(images):
            down, across = (step * (size + 2) for step in divmod(place, ACROSS))
            sheet[down : down + size, across : across + size] = image
        left.imshow(sheet, interpolation="nearest")
        left.set_title(f"The {len(images)} of 45,000 images to label first (TypiClust)")
        left.axis("off")
        for name, style in styles(SHOWN).items():
            mean, spread = accuracies[name]
            right.plot(budgets, mean, color=style.colour, label=name, marker=style.marker, markersize=4)
            right.fill_between(budgets, mean - spread, mean + spread, color=style.colour, alpha=0.15, linewidth=0)
        plain_log(right, budgets, budgets[-1])
        percent(right, "y")
        right.grid(axis="y")
        right.set_xlabel("labels")
        right.set_ylabel("accuracy (%)")
        right.set_title("What they are worth: a probe's accuracy")
        right.legend(loc="lower right")


if __name__ == "__main__":
    main()
