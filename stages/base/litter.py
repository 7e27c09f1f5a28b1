"""What file servers, systems and programs put into people's folders, and no person means."""

from __future__ import annotations

# in small letters, since some systems don't tell capitals
_NAMES = {
    # network storage: Synology, QNAP, NetApp
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "@sharebin",
    "@tmp",
    "#recycle",
    "#snapshot",
    "~snapshot",
    # macOS; most of its own begin with a dot
    "__macosx",
    "icon\r",
    "network trash folder",
    "temporary items",
    # Windows
    "$recycle.bin",
    "desktop.ini",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "found.000",
    "recycler",
    "system volume information",
    "thumbs.db",
    "thumbs.db:encryptable",
    # Linux and Android
    "lost+found",
    "lost.dir",
    # programs
    "__pycache__",
    "picasa.ini",
    "zbthumbnail.info",
}


def litter(name: str) -> bool:
    """Whether a file or folder of this name is hidden (.DS_Store, ._1.jpg, .git, .@__thumb) or a system's."""
    return name.startswith(".") or name.casefold() in _NAMES
