"""The Wasserstein lab: move the earth, bend the dual, and see why not JS."""

from pages.ui.labs import divergences, dual, transport
from pages.ui.labs.frame import choose
from pages.ui.labs.tasks import watched

LABS = {
    lab.key: lab
    for lab in (
        transport.EARTH,
        transport.PLANE,
        dual.DUAL,
        dual.LEARNED,
        divergences.SLIDE,
        divergences.OPPOSED,
    )
}
SHOWN = {
    "earth": transport.show_earth,
    "plane": transport.show_plane,
    "dual": dual.show_dual,
    "learned": dual.show_learned,
    "apart": divergences.show_slide,
    "opposed": divergences.show_opposed,
}
TRAINS = {"learned": dual.WORK, "opposed": divergences.WORK}


def show() -> None:
    """Draw the page: the choice of a lab, and the lab."""
    lab = choose(LABS)
    watched(SHOWN[lab.key], TRAINS.get(lab.key, ""), mine=True, every=0.5)
