"""Compare: two to six runs side by side, and races."""

from pages.ui.compare import page

page.show()
