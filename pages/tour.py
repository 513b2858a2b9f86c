"""Tour: a lecture in six steps, and a glossary."""

from pages.ui.tour import page

page.show()
