"""The diagnosis of a run: its problems, and changes that may help."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from pages.ui.core import draft
from pages.ui.core.permissions import permitted, refusal_to_add, refusal_to_change
from pages.ui.core.session import session
from pages.ui.core.state import Steering, page_state
from pages.ui.panels.marks import findings
from pages.ui.train.state import AppliedProposal, TrainState
from wgan.config import ConfigError
from wgan.diagnosis import RULES, Evidence, Finding, Health, Proposal, Rule, health, missing_reason
from wgan.jobs import RunSnapshot
from wgan.runs import RunError, Status

HELP = f"""Every few seconds, {len(RULES)} checks look for known problems in the measurements: the critic's slopes and
gradients, the steps of both optimisers, the gap on training and held-out data, and the samples. If several
problems are listed, solve the first one: it often causes the others.

The tooltips in *All checks* state when a check finds a problem, and the source of its threshold."""

ICONS = {
    "danger": ("red", ":material/emergency_home:"),
    "fault": ("orange", ":material/stethoscope:"),
    "note": ("blue", ":material/flag:"),
}

OK = ":green[:material/check_circle:]"

WAITING = "The diagnosis appears here when the critic has been measured three times."

HEALTH_RULES = ("worsening", "weak-penalty", "momentum")
"""Rules whose evidence is shown even without a problem."""

HEALTH_ICONS = {
    **ICONS,
    "good": ("green", ":material/check_circle:"),
    "unknown": ("gray", ":material/hourglass_empty:"),
}

ANCHOR = "what-is-happening"
"""The anchor that Streamlit gives to the title of this panel."""


def health_line(run: str) -> None:
    """Show the health of a run in one line, with a link to its diagnosis.

    The line is drawn more often than the diagnosis below. It shows the same findings, so that they agree.
    """
    try:
        snapshot = session().snapshot(run)
    except RunError:
        return
    on_show = page_state(TrainState).findings_on_show.get(run)
    all_findings = findings(run) if on_show is None else on_show
    state = health(all_findings, snapshot.evidence, active=snapshot.status.active)
    colour, icon = HEALTH_ICONS[state.level]
    # What one measurement shows about the samples is known long before the first diagnosis.
    sentence = " ".join([*state.facts[: state.level == "unknown"], state.sentence])
    with st.container(key="health_line"):
        st.markdown(
            f":{colour}[{icon} {sentence}] [Details](#{ANCHOR})",
            help="  \n".join(state.facts) or None,
        )


def panel(snapshot: RunSnapshot) -> None:
    """Show the problems of a run, their evidence, and changes that may help."""
    all_findings = findings(snapshot.run)
    raised = [finding for finding in all_findings if finding.reading.raised]
    st.markdown("##### What is happening?", help=HELP)
    state = page_state(TrainState)
    state.findings_on_show = {snapshot.run: all_findings}
    if state.needs_redraw:
        state.needs_redraw = False
        st.rerun()  # The sidebar and the buttons above show it, too, outside this fragment.
    state_of_health = health(all_findings, snapshot.evidence, active=snapshot.status.active)
    _alarm(snapshot, raised)
    if state_of_health.level == "unknown":
        # The line at the top counts the measurements, and is drawn more often.
        sentence = WAITING if snapshot.status.active else state_of_health.sentence
        st.caption("  \n".join([sentence, *state_of_health.facts]))
    elif not raised:
        _healthy(state_of_health, all_findings)
    for i, finding in enumerate(raised):
        _finding(snapshot, finding, first=i == 0)
    _undo(snapshot)
    _all(all_findings, snapshot.evidence)


def _alarm(snapshot: RunSnapshot, raised: Sequence[Finding]) -> None:
    """Show an alarm once to each visitor who watches the run."""
    announced = page_state(TrainState).announced
    for finding in raised:
        if (
            finding.rule.level == "danger"
            and snapshot.status.active
            and (snapshot.run, finding.key) not in announced
        ):
            announced.add((snapshot.run, finding.key))
            st.toast(
                f"**{finding.heading}.** {finding.reading.evidence}", icon=":material/warning:"
            )


def _healthy(state: Health, all_findings: Sequence[Finding]) -> None:
    signs = [finding.reading.evidence for finding in all_findings if finding.key in HEALTH_RULES]
    with st.container(border=True):
        st.markdown(f":green[:material/check_circle:] {state.sentence}")
        st.caption("  \n".join(signs[:3]))


def _finding(snapshot: RunSnapshot, finding: Finding, *, first: bool) -> None:
    colour, icon = ICONS[finding.rule.level]
    since = finding.reading.since
    since_text = f" · since step {since:,}" if since is not None else ""
    with st.container(border=True, key=f"finding-{finding.key}"):
        st.markdown(
            f":{colour}[{icon} **{finding.heading}**]{since_text}  \n{finding.reading.evidence}",
            help=f"{finding.meaning}\n\n*Source: {finding.rule.source}.*",
        )
        if first:
            st.caption(finding.meaning)
        if finding.reading.proposals:
            with st.container(horizontal=True, gap="small"):
                for i, proposal in enumerate(finding.reading.proposals[: 3 if first else 1]):
                    _offer(snapshot, finding, proposal, i)


def _offer(snapshot: RunSnapshot, finding: Finding, proposal: Proposal, i: int) -> None:
    key = f"mend-{finding.key}-{i}"
    steered = snapshot.status in (Status.RUNNING, Status.PAUSED) and not snapshot.phase
    if proposal.restart:
        st.button(
            f"Set up a new run: {proposal.description}",
            icon=":material/tune:",
            key=key,
            **permitted(
                refusal_to_add(),
                help="Sets up a new run with this change, from the first step: this run cannot be repaired. Then "
                "press Start.",
            ),
            on_click=_set_up,
            args=(snapshot, finding.heading, proposal),
        )
    elif proposal.live and steered and not snapshot.is_trained_by_other_process:
        st.button(
            proposal.description,
            icon=":material/build:",
            key=key,
            **permitted(
                refusal_to_change(snapshot.run),
                help="Applies the change to this run at once. Every chart marks the step. You can undo it.",
                disabled=_was_applied_now(snapshot),
            ),
            on_click=_apply,
            args=(snapshot.run, proposal),
        )
    elif snapshot.checkpoint_steps and not snapshot.phase:
        step = snapshot.checkpoint_steps[-1]
        st.button(
            f"Set up fork: {proposal.description}",
            icon=":material/tune:",
            key=key,
            **permitted(
                refusal_to_add(),
                help=f"Sets up a new run that continues from step {step:,} with this change. Then press "
                "Start fork. The current run does not change.",
            ),
            on_click=_prepare,
            args=(snapshot.run, step, proposal.changes),
        )


def _was_applied_now(snapshot: RunSnapshot) -> bool:
    """Return whether a proposal was applied after the newest measurement.

    The next proposal then takes the place of the applied one, under the visitor's pointer, and must not be
    applied by a second click.
    """
    applied = page_state(TrainState).applied.get(snapshot.run)
    newest_step = max((metric.step for metric in snapshot.metrics), default=0)
    return applied is not None and newest_step <= applied.step


def _prepare(run: str, step: int, changes: Mapping[str, Any]) -> None:
    draft.prepare_fork(run, step, changes)
    page_state(TrainState).needs_redraw = True


def _set_up(snapshot: RunSnapshot, problem: str, proposal: Proposal) -> None:
    draft.set_up(snapshot.config.changed(proposal.changes), f"A remedy for “{problem}”")
    page_state(TrainState).needs_redraw = True


def _apply(run: str, proposal: Proposal) -> None:
    try:
        snapshot = session().snapshot(run)
        before = snapshot.config.flat()
        session().change(run, **proposal.changes)
    except (RunError, ConfigError) as error:
        page_state(Steering).problem = str(error)
        return
    values_before = {path: before[path] for path in proposal.changes}
    state = page_state(TrainState)
    state.applied[run] = AppliedProposal(proposal.description, values_before, snapshot.step)
    state.needs_redraw = True


def _undo(snapshot: RunSnapshot) -> None:
    applied = page_state(TrainState).applied.get(snapshot.run)
    if applied is None or not snapshot.status.active:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f":material/check: Changed: {applied.description}. The next measurements show whether it helps.",
            width="content",
        )
        st.button(
            "Undo this",
            icon=":material/undo:",
            key="undo_mend",
            type="tertiary",
            on_click=_take_back,
            args=(snapshot.run, applied.values_before),
        )


def _take_back(run: str, values_before: Mapping[str, Any]) -> None:
    try:
        session().change(run, **values_before)
    except (RunError, ConfigError) as error:
        page_state(Steering).problem = str(error)
        return
    state = page_state(TrainState)
    state.applied.pop(run, None)
    state.needs_redraw = True


def _all(all_findings: Sequence[Finding], evidence: Evidence) -> None:
    # Draw the content only while it is open: it is long, and seldom read.
    expander = st.expander(
        "All checks", icon=":material/checklist:", key="all_rules", on_change="rerun"
    )
    with expander:
        if not expander.open:
            return
        by_rule = {finding.key: finding for finding in all_findings}
        st.caption(
            "The tooltip of a check states when it finds a problem, and the source of its threshold."
        )
        # As text, because the cells of a table cut long sentences.
        for key, rule in RULES.items():
            st.markdown(
                _check_text(rule, by_rule.get(key), evidence),
                help=f"**Problem if:** {rule.condition}\n\n*Source: {rule.source}.*",
            )


def _check_text(rule: Rule, finding: Finding | None, evidence: Evidence) -> str:
    """Return the state of a check and its evidence, as Markdown."""
    heading = f"**{rule.title}**"
    if finding is None:
        icon, state, result = ":gray[:material/remove:]", missing_reason(rule, evidence), ""
    elif finding.reading.raised:
        colour, symbol = ICONS[rule.level]
        icon, state, result = f":{colour}[{symbol}]", "Problem.", finding.reading.evidence
        heading = f"**{finding.heading}**"
    else:
        icon, state, result = OK, "**No problem.**", finding.reading.evidence
        heading = rule.title  # a fault in bold would look like one that was found
    return f"{icon} {heading}: {state} {result}".rstrip()
