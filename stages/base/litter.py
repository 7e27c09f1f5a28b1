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
    # macOS
    ".ds_store",
    "__macosx",
    "icon\r",
    "network trash folder",
    "temporary items",
    "thevolumesettingsfolder",
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
    "_gsdata_",
    "picasa.ini",
    "zbthumbnail.info",
}


def litter(name: str) -> bool:
    """Whether a file or folder of this name is hidden (.git, .@__thumb) or a system's."""
    return name.startswith(".") or of_system(name)


def of_system(name: str) -> bool:
    """Whether a file or folder of this name is a system's, which makes it anew: nobody misses it."""
    return name.startswith("._") or name.casefold() in _NAMES
