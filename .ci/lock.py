"""Print requirements.lock: the installed versions of everything that requirements.txt asks for."""

import re
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

HEAD = """\
# The versions with which all tests pass: Python 3.11 on Linux x86-64. Made with `make lock`.
# Install them with `pip install -r requirements.lock`. On other platforms use requirements.txt.\
"""

lines = Path("requirements.txt").read_text(encoding="utf-8").splitlines()
todo = [Requirement(text) for line in lines if (text := line.partition("#")[0].strip())]
versions: dict[str, str] = {}
while todo:
    requirement = todo.pop()
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()
    if name in versions or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
        continue
    installed = distribution(name)
    versions[name] = installed.version.partition("+")[0]  # without a build such as +cpu
    todo += [Requirement(text) for text in installed.requires or []]
print(HEAD, *(f"{name}=={version}" for name, version in sorted(versions.items())), sep="\n")
