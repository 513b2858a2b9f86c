"""The line of a shared app that says who the visitor is, and the links that an administrator can pass on."""

from dataclasses import dataclass

import streamlit as st

from pages.ui.core.state import page_state
from pages.ui.core.visitor import door, link, settings, visitor
from wgan.access import Role, audit

ROLES = {
    Role.VIEWER: (
        "visibility",
        "You are a viewer: you can look at everything, but not train or change anything.",
    ),
    Role.MEMBER: ("group", "You are a member: you can train, and change what you have started."),
    Role.ADMIN: ("shield_person", "You are an administrator: you can change everything."),
}

LINKS = {
    Role.VIEWER: (
        "For viewers",
        "They can look at everything, walk through the latent space and use the labs that need no "
        "training. They cannot change anything.",
    ),
    Role.MEMBER: (
        "For members",
        "They can also train runs, add pictures and save presets, within the limits of this server. "
        "They can change and delete only what they have started or added.",
    ),
}


@dataclass
class Sharing:
    """Whether the dialog with the links is open."""

    shows_links: bool = False


def footer() -> None:
    """In a shared app, say who the visitor is; an administrator can open the links."""
    if not settings().share:
        return
    who = visitor()
    icon, text = ROLES[who.role]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sharing"):
        st.caption(f":material/{icon}: {text}", width="content")
        if who.is_admin:
            st.button(
                "Links",
                icon=":material/share:",
                type="tertiary",
                key="share_links",
                on_click=_show_links,
                args=(True,),
            )
    if who.is_admin and page_state(Sharing).shows_links:
        _links()


def _show_links(shown: bool) -> None:
    page_state(Sharing).shows_links = shown


# The state keeps the dialog open when the page is drawn again, for example because a run has ended.
@st.dialog("Links to this app", width="medium", on_dismiss=lambda: _show_links(False))
def _links() -> None:
    """Show the link of each role, with a button that renews it."""
    st.markdown(
        "Everybody who has a link can open the app with its role. **Renew** makes the old link invalid, "
        "and closes the app for those who came with it."
    )
    for role, (title, text) in LINKS.items():
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.markdown(f"**{title}**", help=text, width="stretch")
            st.button(
                "Renew",
                icon=":material/autorenew:",
                key=f"renew_{role}",
                type="tertiary",
                on_click=_renew,
                args=(role,),
            )
        st.code(link(role), language=None, wrap_lines=True)
    st.caption(
        "The link for administrators is not shown here, because a class may see this page. It is in the terminal "
        "in which the app was started; `wgan app --share --new-links` renews all links."
    )


def _renew(role: Role) -> None:
    who = visitor()
    if who.is_admin:
        door().tokens.renew(role)
        audit(who, f"renew the link for {role}s")
