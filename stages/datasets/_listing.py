"""What a source holds: pictures, folders, and what is passed over, which is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from stages.datasets import _archive, _kinds

_SHOWN = 10  # names in one line


@dataclass
class Listing:
    """Paths of pictures and of folders, with `/` between their parts; those of other files; and how often what no
    person put there, by its name."""

    pictures: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    litter: Counter[str] = field(default_factory=Counter)

    def notes(self) -> list[str]:
        """What was passed over, a line each."""
        found = []
        if self.others:
            shown = ", ".join(sorted(self.others)[:_SHOWN]) + (" ..." if len(self.others) > _SHOWN else "")
            found.append(f"passed over, since they are no pictures: {_files(self.others)} ({shown})")
        if self.litter:
            shown = ", ".join(f"{count:,} {name!r}" for name, count in self.litter.most_common(_SHOWN))
            more = ", ..." if len(self.litter) > _SHOWN else ""
            found.append(f"passed over, as systems put it there or it is hidden: {shown}{more}")
        return found


def listing(source: Path) -> Listing:
    """Walks a directory or an archive once. Raises UserError, as `_archive.entries` does, and for a picture that is too
    large."""
    from tqdm import tqdm

    found = Listing()
    with closing(_archive.entries(source, found.litter)) as entries:
        for entry in tqdm(entries, desc=f"listing {source.name}", unit=" files", disable=None):
            if entry.folder:
                found.folders.append(entry.name)
                continue
            named = _kinds.by_name(entry.name)
            if named is None:
                named = _kinds.by_content(entry.head(_kinds.HEAD), entry.name)
            if named and entry.size > _archive.LARGEST:
                raise _archive.too_large(source, entry.name, entry.size)
            (found.pictures if named else found.others).append(entry.name)
    return found


def _files(names: Collection[str]) -> str:
    return "1 file" if len(names) == 1 else f"{len(names):,} files"
