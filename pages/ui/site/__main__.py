"""`python -m pages.ui.site OUT` writes the static site into a folder. `make site` calls it."""

import argparse
from pathlib import Path

from pages.ui.site.build import build

parser = argparse.ArgumentParser(
    prog="python -m pages.ui.site", description="Write the static site."
)
parser.add_argument(
    "out", type=Path, help="folder of the site; files of the same names are replaced"
)
arguments = parser.parse_args()
pages = build(arguments.out)
print(f"{pages} pages in {arguments.out}. Any web server can serve them, below any path.")
