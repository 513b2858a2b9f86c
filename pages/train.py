"""The main job: launch a training, watch it, steer it."""

import streamlit as st

from pages.components.entry import guard

guard()

from pages.components import controls, live, quality
from pages.components.app import refresh_interval, session, shown_run
from pages.components.chart import chart
from pages.components.stage import strip
from wgan import figures
from wgan.runs import Status

run = shown_run()
running = session().live()
view = session().view(run) if run is not None else None
# One view for the whole page: with two, a change between them would leave the sidebar behind.
next_run = controls.sidebar(view if running is not None and running.run == run else None, run)
controls.keep_in_address(run)

if "busy" in st.session_state:
    live.ask_if_busy(running, controls.draft())

if view is None:
    config = controls.draft()
    words, show = st.columns([0.5, 0.5], gap="large", vertical_alignment="center")
    with words:
        st.markdown("## Watch a network learn to draw")
        st.markdown(
            "Two networks play a game. The **generator** turns random numbers into pictures. The "
            "**critic** scores pictures, and learns to score these real ones higher. The generator "
            "follows the critic's slope uphill, and its pictures become more and more like the "
            "real ones."
        )
        st.button(
            "Start",
            icon=":material/play_arrow:",
            type="primary",
            key="start",
            on_click=live.start,
            args=(config,),
            width=200,
        )

        live.forecast()
        st.caption("You can change everything in the sidebar, now or while it learns.")
        live.examples()
    with show:
        real = live.real_examples(config.dataset, 256)
        if real is None:
            st.info(
                f"{config.dataset.title} will be downloaded when you press Start. The set "
                "“MNIST, 10,000 digits” needs no network.",
                icon=":material/download:",
            )
        elif config.dataset.kind == "pictures":
            strip(
                live.real_strip(config.dataset, 8, 10),
                key="real_large",
                rows=8,
                columns=10,
                caption=f"Real: {config.dataset.title}",
                max_height=480,
                alt="Eighty real pictures of the data set",
            )
        else:
            chart(
                figures.plane(real=real, extent=float(abs(real).max() * 1.2)),
                key="real_points",
                run=config.dataset.name,
                height=460,
                alt="Real points of the data set",
            )
else:
    live.header(view, next_run)
    ticking = view.status is Status.RUNNING or bool(view.phase)
    # In a place of its own: a fragment's late answer must not meet another layout.
    with st.container():
        st.fragment(live.panel, run_every=refresh_interval() if ticking else None)(
            view.run, live.page_token(view)
        )
    evaluating = quality.evaluating(view.run)
    with st.container():
        # New numbers come every ten seconds or so, and each run of a fragment makes the browser look
        # at every element of the page, some 200 ms on a slow machine.
        every = (
            refresh_interval() * (2.5 if evaluating else 10.0) if evaluating or ticking else None
        )
        st.fragment(quality.panel, run_every=every)(view.run, evaluating)

pending = live.forecast_pending()
waiting = session().queued()
ticks = view is not None and view.status is Status.RUNNING  # its panel looks for itself
unwatched = view is not None and view.status in (Status.PAUSED, Status.QUEUED)
if pending or unwatched or (waiting and not ticks):
    with st.container():
        st.fragment(live.watch, run_every=1.5 * refresh_interval())(
            run, live.queue_token(view, waiting), pending
        )
