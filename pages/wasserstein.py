"""The Wasserstein lab: move the earth, bend the dual, and see why not JS."""

from pages.components.entry import guard

guard()

from pages.components import apart, duality, earth
from pages.components.lab import choose
from pages.components.lab_work import watched

LABS = {
    lab.key: lab
    for lab in (
        earth.EARTH,
        earth.PLANE,
        duality.DUAL,
        duality.LEARNED,
        apart.SLIDE,
        apart.OPPOSED,
    )
}
SHOWN = {
    "earth": earth.show_earth,
    "plane": earth.show_plane,
    "dual": duality.show_dual,
    "learned": duality.show_learned,
    "apart": apart.show_slide,
    "opposed": apart.show_opposed,
}
TRAINS = {"learned": duality.WORK, "opposed": apart.WORK}

lab = choose(LABS)
watched(SHOWN[lab.key], TRAINS.get(lab.key, ""), mine=True, every=0.5)
