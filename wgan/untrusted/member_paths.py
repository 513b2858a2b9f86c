"""Paths in a foreign source: which are safe, which are hidden, and which match a glob."""

import re
from pathlib import PurePosixPath


def path_inside(name: str) -> str | None:
    r"""Return a normalised path, or None if it is absolute or leads out of the source.

    A colon is allowed, except in the drive of a Windows path (`C:\evil.png`).
    """
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if not parts or plain.startswith("/") or ".." in parts or "\0" in plain:
        return None
    if re.match(r"[A-Za-z]:\\", name):
        return None
    return "/".join(parts)


def is_hidden(path: str) -> bool:
    """Return whether a file is hidden, or is one that an operating system adds to folders."""
    parts = path.split("/")
    return (
        any(part.startswith(".") for part in parts)
        or "__MACOSX" in parts
        or parts[-1].lower() in ("thumbs.db", "desktop.ini")
    )


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Return the regular expression of a glob: * and ? match within a folder, ** across folders.

    A glob without a slash matches the name of a file in any folder.
    """
    if not glob:
        return re.compile(".*", re.DOTALL)
    if "/" not in glob:
        glob = f"**/{glob}"
    expression, i = "", 0
    while i < len(glob):
        if glob.startswith("**/", i) and (i == 0 or glob[i - 1] == "/"):
            expression, i = f"{expression}(?:.*/)?", i + 3
        elif glob.startswith("**", i):
            expression, i = f"{expression}.*", i + 2
        elif glob[i] == "*":
            expression, i = f"{expression}[^/]*", i + 1
        elif glob[i] == "?":
            expression, i = f"{expression}[^/]", i + 1
        elif glob[i] == "[" and (character_set := _character_set(glob, i)) is not None:
            expression, i = expression + character_set[0], character_set[1]
        else:
            expression, i = f"{expression}{re.escape(glob[i])}", i + 1
    return re.compile(expression, re.DOTALL)


def _character_set(glob: str, start: int) -> tuple[str, int] | None:
    """Return the regular expression of a set such as [a-z] or [!0], and the index behind it.

    Returns None if no set begins at `start`: it is not closed, or a range such as z-a is not possible.
    """
    first = start + 2 if glob.startswith("[!", start) else start + 1
    end = glob.find("]", first + 1)  # a ] at the first place belongs to the set
    if end < 0:
        return None
    characters = glob[first:end]
    for special in "\\[]^&~|":
        characters = characters.replace(special, f"\\{special}")
    expression = f"[{'^' if first == start + 2 else ''}{characters}]"
    try:
        re.compile(expression)
    except re.error:
        return None
    return expression, end + 1
