"""The steps of the tour: what to do, what to see, and where."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from pages.ui.core.state import FIRST_PRESET


@dataclass(frozen=True)
class Place:
    """A place where a step is done: a page with its section, and what to do there in one or two sentences."""

    page: str
    label: str
    do: str
    section: str = ""  # the parameters of the address
    preset: str = ""  # the preset that is set up when the step is opened for the first time
    widgets: tuple[tuple[str, int], ...] = ()  # keys of widgets, and the values that they get

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address."""
        return dict(parse_qsl(self.section))

    @property
    def run(self) -> str | None:
        """The example that the place shows; None if it needs none."""
        return self.query.get("run")


@dataclass(frozen=True)
class Step:
    """One step of the tour. Its first place is opened by Next."""

    title: str
    do: str
    see: str
    places: tuple[Place, ...]
    picture: str  # description of its moving picture for screen readers


STEPS = (
    Step(
        "Watch two networks play",
        "Press **Start** and wait for the first strokes. Then move the slider under the "
        "pictures back to step 0 and forward again.",
        "At first, the critic gap rises: the critic learns to recognise the fakes. Then it "
        "falls: the samples improve. The loss of an ordinary GAN does not "
        "fall as its samples improve.",
        (
            Place(
                "train",
                "Train",
                "Press **Start** if no run is training, and wait for the first strokes. Then move the slider "
                "under the pictures back.",
                preset=FIRST_PRESET,
            ),
        ),
        "Samples turn from noise into handwritten digits while a curve, the critic gap, "
        "rises and then falls.",
    ),
    Step(
        "See why the older distance fails",
        "Move two distributions together and apart again.",
        "The Jensen–Shannon divergence stops at log 2, and its slope becomes 0: a generator "
        "would not know where to move. The Wasserstein distance keeps growing with slope 1.",
        (
            Place(
                "wasserstein",
                "Why not JS",
                "Answer the question. Then move the two distributions together until they overlap, and apart "
                "again.",
                "lab=apart",
            ),
        ),
        "Two bumps move apart. The curve of the Wasserstein distance keeps growing, and the curve "
        "of the Jensen–Shannon divergence becomes flat.",
    ),
    Step(
        "Move the earth",
        "Shape two piles of earth, move one to the other by hand, and compare your cost with "
        "that of the cheapest plan. Then shape a function for the same two piles.",
        "The cheapest plan and the best function with slope at most 1 give the same number. "
        "A critic learns this function.",
        (
            Place(
                "wasserstein",
                "Move the earth",
                "Choose **Move it yourself**, move one pile to the other, and compare your cost with the cheapest plan.",
                "lab=earth",
            ),
            Place(
                "wasserstein",
                "The dual, by hand",
                "Shape a function with slope at most 1. Its best value is the cost of the cheapest plan.",
                "lab=dual",
            ),
        ),
        "The columns of one pile of earth slide into the other pile, each along its shortest way.",
    ),
    Step(
        "See a generator collapse",
        "Look at the example of a collapsed GAN. Then train a GAN and two WGANs with the same random "
        "numbers: once with 1 update of the discriminator in each step, and once with 5.",
        "With 1 update, the samples of the GAN move together from place to place, and few or no modes have good "
        "samples. With 5 updates, as many as the critics of the WGANs get, it usually finds all modes.",
        (
            Place(
                "train",
                "A collapsed GAN",
                "This GAN has collapsed: it has three of eight modes. Move the slider below the points "
                "to about step 1,000: there it had all.",
                "run=example-ring-gan-collapsed",
            ),
            Place(
                "stability",
                "Mode collapse",
                "**Discriminator updates** is 1. Predict, and train all three. Then compare with 5 updates: "
                "does the GAN collapse again?",
                "lab=collapse",
                widgets=(("collapse_judged", 1),),
            ),
        ),
        "Samples are at all eight modes of a ring, then leave one mode after the other.",
    ),
    Step(
        "Open the critic",
        "Keep the generator fixed, and train the critic until it no longer improves.",
        "For the untrained generator, the critic's lower bound gets close to the exact distance, and "
        "never exceeds it. For a trained one, the distance is small, and the bound stays further below it. With "
        "clipping, the bound usually stays far below.",
        (
            Place(
                "critic",
                "To convergence",
                "Press **Train the critic to convergence**: its bound gets close to the exact W₁ (dashed). "
                "Then choose later **Weights** in the sidebar.",
                "run=example-ring-wgan-gp&weights=0&section=alone",
            ),
            Place(
                "stability",
                "Clipping",
                "Predict what weight clipping does to a critic, then compare it with other limits of the slope.",
                "lab=clipping",
            ),
        ),
        "A curve, the critic's lower bound, rises close to a dashed line, the exact "
        "Wasserstein distance, and stays below it.",
    ),
    Step(
        "Walk through the latent space",
        "Play a walk, drag the plane, move the sliders. Draw a digit and find the z that makes it.",
        "Similar z give similar pictures: the generator has learned a space of pictures, not "
        "a list. In the middle of a straight line between two z, ‖z‖ is smaller than in training, and "
        "the pictures of clothes are greyer and more alike.",
        (
            Place(
                "latent",
                "Walk",
                "Two walks pass through the same points. Pause where the dotted curve of ‖z‖ is lowest, "
                "and compare the pictures.",
                "run=example-fashion&section=walk",
            ),
            Place(
                "latent",
                "Plane",
                "Drag the plane to move through a slice of latent space, and click a picture to keep its z.",
                "run=example-fashion&section=plane",
            ),
            Place(
                "latent",
                "Invert a picture",
                "Choose a real digit or draw one, and find the z whose picture is closest to it.",
                "run=example-mnist-wgan-gp&section=find",
            ),
        ),
        "A piece of clothing changes smoothly into others, while a dot moves along a curved way through "
        "latent space.",
    ),
)
