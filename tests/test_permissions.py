"""What viewers, members and administrators may do with a session."""

import ast
import inspect
import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import tiny, until
from wgan.access import LOCAL_VISITOR, Limits, Role, Visitor
from wgan.config import PRESETS
from wgan.data import DATASETS, Recipe, Ring8
from wgan.export import export, export_zip
from wgan.jobs import TaskProgress, TaskSteps, training
from wgan.runs import Run, RunError, Status, list_runs
from wgan.session import Busy, Session
from wgan.session.permissions import NotAllowed

LONG = {"steps": 150_000, "checkpoint_every": 100_000, "preview_every": 10_000}

VIEWER = Visitor("v", Role.VIEWER)
ADA, BOB = Visitor("ada", Role.MEMBER), Visitor("bob", Role.MEMBER)
ADMIN = Visitor("root", Role.ADMIN)

ADDING = ("start", "fork", "race", "begin_task", "converge", "invert")
"""Methods of a session that add something. Viewers may not call them."""

CHANGING = ("resume", "pause", "unpause", "step_once", "stop", "withdraw", "change", "undo", "redo",
            "move", "describe", "throw_away", "evaluate")  # fmt: skip
"""Methods of a session that change a run. Only its owner and administrators may call them."""

LIBRARIES = {
    "library": ("star_checkpoint", "import_run", "restore", "empty_trash", "add_examples"),
    "presets": ("save", "delete"),
    "datasets": ("prepare", "prepare_package", "fetch", "forget_pictures"),
}
"""Methods of its parts that change something."""

READING = {
    "session": (
        "as_visitor for_visitor task tasks cancel_task refusal_to_begin_task refusal_to_cancel "
        "history live queued race_on snapshot diagnosis newest models slow_step forecast "
        "worker_is_alive close"
    ),
    "library": (
        "for_visitor summaries stored invalidate run config_at preview trash missing_examples "
        "refusal_to_restore trash_title"
    ),
    "presets": "for_visitor all token refusal_to_save",
    "datasets": "for_visitor examples nearest critic_examples gallery of_classes own_pictures stored",
}
"""Methods that everybody may call. `cancel_task` has a test of its own."""


@pytest.fixture
def session(runs_dir: Path, tmp_path: Path) -> Iterator[Session]:
    session = Session(runs_dir, root=tmp_path / "data", threads=1)
    yield session
    session.close(timeout=60)


def nothing() -> TaskSteps:
    yield from ()


def steps_that_wait(event: Callable[[], bool]) -> Callable[[], TaskSteps]:
    def work() -> TaskSteps:
        while not event():
            time.sleep(0.005)
            yield TaskProgress("Waiting", 0.0)

    return work


def changes_of(name: str) -> Any:
    """Return a call of a method on a run, as a visitor's click would make it."""
    values: dict[str, dict[str, Any]] = {
        "change": {"critic_learning_rate": 1e-4},
        "describe": {"title": "Mine now"},
        "move": {"by": -1},
    }
    return lambda session, run: getattr(session, name)(run, **values.get(name, {}))


def adding_calls(run: str, tmp_path: Path) -> dict[str, Callable[[Session], object]]:
    return {
        "start": lambda session: session.start(tiny()),
        "fork": lambda session: session.fork(run, None, {}),
        "race": lambda session: session.race([tiny(), tiny()]),
        "begin_task": lambda session: session.begin_task("Lab", "", nothing),
        "converge": lambda session: session.converge(run),
        "invert": lambda session: session.invert(run, np.zeros((1, 4, 4), np.uint8)),
        "import_run": lambda session: session.library.import_run(io.BytesIO(b""), "x"),
        "add_examples": lambda session: session.library.add_examples(),
        "empty_trash": lambda session: session.library.empty_trash(),
        "save": lambda session: session.presets.save("A preset", tiny()),
        "prepare": lambda session: session.datasets.prepare([], Recipe(title="x")),
        "prepare_package": lambda session: session.datasets.prepare_package(Ring8(), b""),
        "fetch": lambda session: session.datasets.fetch(Ring8()),
    }


def test_every_method_is_known_to_these_tests(session: Session):
    # A new method must be sorted here: whoever adds one has to think about permissions.
    parts: dict[str, Any] = {
        "session": session,
        "library": session.library,
        "presets": session.presets,
        "datasets": session.datasets,
    }
    for part, obj in parts.items():
        methods = {
            name
            for name, value in inspect.getmembers(type(obj), inspect.isfunction)
            if not name.startswith("_")
        }
        changing = (*ADDING, *CHANGING) if part == "session" else LIBRARIES[part]
        assert methods == {*READING[part].split(), *changing}, part


def trained(session: Session, visitor: Visitor) -> str:
    """Return a run that a visitor has trained to its end."""
    run = session.as_visitor(visitor).start(tiny())
    until(lambda: session.snapshot(run).status is Status.FINISHED)
    return run


def test_a_viewer_can_change_nothing(session: Session, tmp_path: Path):
    run = trained(session, ADA)
    viewer = session.as_visitor(VIEWER)
    before = sorted(path.name for path in session.runs_dir.iterdir())
    for name in CHANGING:
        with pytest.raises(NotAllowed, match="link for viewers"):
            changes_of(name)(viewer, run)
    for name, call in adding_calls(run, tmp_path).items():
        with pytest.raises(NotAllowed, match="link for viewers"):
            call(viewer)
        assert name in (*ADDING, *(m for methods in LIBRARIES.values() for m in methods))
    for refused in (
        lambda: viewer.library.star_checkpoint(run, 40, True),
        lambda: viewer.presets.delete("A preset"),
        lambda: viewer.datasets.forget_pictures("mine-01234567"),
    ):
        with pytest.raises(NotAllowed):
            refused()
    assert sorted(path.name for path in session.runs_dir.iterdir()) == before
    assert viewer.snapshot(run).step == 40 and viewer.library.summaries() and viewer.models(run)


def test_a_member_changes_only_own_runs(session: Session):
    run = session.as_visitor(ADA).start(tiny(**LONG))
    until(lambda: session.snapshot(run).step >= 2)
    bob = session.as_visitor(BOB)
    for name in CHANGING:
        with pytest.raises(NotAllowed, match="Another visitor started this run"):
            changes_of(name)(bob, run)
    with pytest.raises(NotAllowed):
        bob.begin_task("Hold", run, nothing, pauses_training=True)
    assert session.snapshot(run).status is Status.RUNNING and not session.snapshot(run).changes
    ada = session.as_visitor(ADA)
    ada.change(run, critic_learning_rate=2e-4)
    ada.pause(run)
    until(lambda: session.snapshot(run).status is Status.PAUSED)
    ada.describe(run, title="Ada's")
    session.as_visitor(ADMIN).stop(run)
    until(lambda: session.snapshot(run).status is Status.STOPPED)
    with pytest.raises(NotAllowed):
        bob.throw_away(run)
    ada.throw_away(run)
    assert not list_runs(session.runs_dir)


def test_a_run_of_the_command_line_belongs_to_the_administrators(session: Session):
    run = Run.create(tiny(), session.runs_dir).id
    with pytest.raises(NotAllowed):
        session.as_visitor(ADA).describe(run, title="Mine")
    session.as_visitor(ADMIN).describe(run, title="Shared")
    assert session.library.run(run).fact("name") == "Shared"


def test_the_person_at_this_machine_may_do_everything(session: Session):
    run = trained(session, ADA)
    assert session.permissions.visitor == LOCAL_VISITOR
    session.describe(run, title="Teacher's note")
    session.throw_away(run)
    assert session.library.empty_trash() > 0


def test_a_fork_of_anothers_run_belongs_to_whoever_made_it(session: Session):
    run = trained(session, ADA)
    fork = session.as_visitor(BOB).fork(run, None, {"steps": 60})
    until(lambda: session.snapshot(fork).status is Status.FINISHED)
    session.as_visitor(BOB).describe(fork, title="Bob's fork")
    with pytest.raises(NotAllowed):
        session.as_visitor(ADA).describe(fork, title="Ada's")


def test_an_imported_run_belongs_to_whoever_imported_it(session: Session, tmp_path: Path):
    run = trained(session, ADA)
    archive = tmp_path / "run.zip"
    export(Run.named(run, session.runs_dir), archive)
    with archive.open("rb") as file:
        task = session.as_visitor(BOB).library.import_run(file, "run.zip")
        task.wait(60)
    imported, _ = task.result
    assert imported != run
    session.as_visitor(BOB).describe(imported, title="Bob's copy")
    with pytest.raises(NotAllowed):
        session.as_visitor(ADA).describe(imported, title="Ada's")


def test_a_member_restores_and_deletes_only_own_runs_in_the_trash(session: Session):
    runs = {visitor: trained(session, visitor) for visitor in (ADA, BOB)}
    keys = {who: session.as_visitor(who).throw_away(run).key for who, run in runs.items()}
    with pytest.raises(NotAllowed):
        session.as_visitor(BOB).library.restore(keys[ADA])
    session.as_visitor(BOB).library.empty_trash()
    assert [trashed.run for trashed in session.library.trash()] == [runs[ADA]]
    assert session.permissions.owners.of("run", runs[BOB]) is None
    assert session.as_visitor(ADA).library.restore(keys[ADA]) == runs[ADA]
    session.as_visitor(ADA).describe(runs[ADA], star=True)  # it is Ada's as before


def test_presets_belong_to_whoever_saved_them(session: Session):
    ada, bob = session.as_visitor(ADA), session.as_visitor(BOB)
    ada.presets.save("Rings", tiny())
    for refused in (
        lambda: bob.presets.save("Rings", tiny(steps=2)),
        lambda: bob.presets.delete("Rings"),
    ):
        with pytest.raises(NotAllowed, match="Another visitor saved this preset"):
            refused()
    assert bob.presets.all()["Rings"] == tiny()
    ada.presets.save("Rings", tiny(steps=3))
    ada.presets.delete("Rings")
    bob.presets.save("Rings", tiny())  # the name is free again
    bob.presets.delete("Rings")


def test_only_own_tasks_can_be_cancelled(session: Session):
    released: list[int] = []
    work = steps_that_wait(lambda: bool(released))
    key = session.as_visitor(ADA).begin_task("Lab", "", work).key
    for other in (VIEWER, BOB):
        with pytest.raises(NotAllowed):
            session.as_visitor(other).cancel_task(key)
    session.as_visitor(ADA).cancel_task(key)
    until(lambda: (status := session.task(key)) is not None and status.done)
    released.append(1)


# ---- limits -------------------------------------------------------------------------------------


@pytest.fixture
def limited(runs_dir: Path, tmp_path: Path) -> Iterator[Session]:
    limits = Limits(queued=2, queued_in_all=4, steps=200_000, disk_mb=1, tasks=1, presets=2)
    session = Session(runs_dir, root=tmp_path / "data", threads=1, limits=limits)
    yield session
    session.close(timeout=60)


def test_a_member_has_a_limited_number_of_runs_in_the_queue(limited: Session):
    ada, bob, admin = (limited.as_visitor(who) for who in (ADA, BOB, ADMIN))
    first = ada.start(tiny(**LONG))
    ada.start(tiny(**LONG), queue=True)
    with pytest.raises(NotAllowed, match="At most 2 of your runs"):
        ada.start(tiny(), queue=True)
    with pytest.raises(NotAllowed, match="At most 2 of your runs"):
        ada.race([tiny(), tiny()], queue=True)
    bob.start(tiny(**LONG), queue=True)
    admin.start(tiny(**LONG), queue=True)
    with pytest.raises(NotAllowed, match="its limit is 4"):
        admin.start(tiny(), queue=True)
    with pytest.raises(NotAllowed, match="its limit is 4"):
        bob.start(tiny(), queue=True)
    until(
        lambda: limited.snapshot(first).status is Status.RUNNING
    )  # a run that waits would be removed
    ada.stop(first)
    until(lambda: limited.snapshot(first).status is Status.STOPPED)
    with pytest.raises(Busy):
        bob.start(tiny())
    assert ada.start(tiny(**LONG), queue=True)


def test_steps_are_limited_for_members_at_the_start_and_later(limited: Session):
    long = tiny(steps=200_001)
    ada = limited.as_visitor(ADA)
    with pytest.raises(NotAllowed, match="at most 200,000 steps"):
        ada.start(long)
    run = ada.start(tiny(**LONG))
    until(lambda: limited.snapshot(run).step >= 1)
    with pytest.raises(NotAllowed, match="at most 200,000 steps"):
        ada.change(run, steps=200_001)
    ada.stop(run)
    until(lambda: limited.snapshot(run).status is Status.STOPPED)
    for refused in (
        lambda: ada.resume(run, changes={"steps": 300_000}),
        lambda: ada.fork(run, None, {"steps": 300_000}),
    ):
        with pytest.raises(NotAllowed, match="at most 200,000 steps"):
            refused()
    assert [summary.run for summary in limited.library.summaries()] == [run]
    assert limited.as_visitor(ADMIN).start(long)


def test_a_member_who_has_filled_the_disk_space_must_delete_something(limited: Session):
    ada = limited.as_visitor(ADA)
    run = trained(limited, ADA)
    (limited.runs_dir / run / "previews" / "large.bin").write_bytes(bytes(1_100_000))
    limited.library.invalidate()
    with pytest.raises(NotAllowed, match="of the 1 MB that a member has"):
        ada.start(tiny())
    with pytest.raises(NotAllowed, match="of the 1 MB that a member has"):
        ada.library.import_run(io.BytesIO(b""), "x")
    assert trained(limited, BOB) and trained(limited, ADMIN)
    ada.throw_away(run)
    ada.library.empty_trash()
    assert trained(limited, ADA)


def squares(n: int, size: int) -> list[tuple[str, bytes]]:
    """Return n different PNG files."""
    values = np.random.default_rng(size).integers(0, 256, (n, size, size, 3), np.uint8)
    files = []
    for i, value in enumerate(values):
        file = io.BytesIO()
        Image.fromarray(value).save(file, "PNG")
        files.append((f"{i}.png", file.getvalue()))
    return files


def test_added_pictures_use_the_disk_space_of_a_member(limited: Session):
    ada, bob = limited.as_visitor(ADA), limited.as_visitor(BOB)
    # 1 MB has room for 325 pictures of 3 × 32 × 32 bytes.
    task = ada.datasets.prepare(squares(400, 32), Recipe(title="Many"))
    task.wait(60)
    assert "The prepared pictures take more than 0.9537 MB" in task.error
    assert not ada.datasets.own_pictures() and not ada.datasets.stored()
    task = ada.datasets.prepare(squares(300, 32), Recipe(title="Enough"))
    task.wait(60)
    assert sum(item.size for item in ada.datasets.stored()) == 300 * 3 * 32 * 32
    task = ada.datasets.prepare(squares(30, 31), Recipe(title="A few more"))
    task.wait(60)
    assert "The prepared pictures take more than" in task.error
    task = bob.datasets.prepare(squares(30, 31), Recipe(title="Bob's"))
    task.wait(60)
    assert not task.error
    (own,) = [p for p in ada.datasets.own_pictures() if p.title == "Enough"]
    ada.datasets.forget_pictures(own.key)
    task = ada.datasets.prepare(squares(30, 31), Recipe(title="A few more"))
    task.wait(60)
    assert not task.error


def test_an_imported_run_uses_the_rest_of_the_disk_space_of_a_member(
    limited: Session, tmp_path: Path
):
    run = trained(limited, ADA)
    export_zip(limited.library.run(run), tmp_path / "run.zip")
    free_bytes = limited.as_visitor(ADA).permissions.free_bytes()
    assert free_bytes is not None
    content = bytes(free_bytes - 5_000)  # less remains than a run takes
    (limited.runs_dir / run / "previews" / "large.bin").write_bytes(content)
    limited.library.invalidate()

    def import_as(who: Visitor) -> str:
        with (tmp_path / "run.zip").open("rb") as file:
            task = limited.as_visitor(who).library.import_run(file, "A run")
            task.wait(60)
        return task.error

    before = len(limited.library.summaries())
    assert "but you can store only" in import_as(ADA)
    assert len(limited.library.summaries()) == before
    assert not import_as(BOB) and not import_as(ADMIN)


def test_only_administrators_create_data_sets_that_all_share(session: Session):
    package = next(dataset for dataset in DATASETS.values() if dataset.npm_package)()
    for who in (VIEWER, ADA):
        with pytest.raises(NotAllowed):
            session.as_visitor(who).datasets.prepare_package(package, b"")
    task = session.as_visitor(ADMIN).datasets.prepare_package(package, b"")
    task.wait(60)
    assert task.error  # it may, but this is no package


def test_a_member_who_has_filled_the_disk_space_downloads_nothing(limited: Session):
    run = trained(limited, ADA)
    (limited.runs_dir / run / "previews" / "large.bin").write_bytes(bytes(1_100_000))
    limited.library.invalidate()
    with pytest.raises(NotAllowed, match="of the 1 MB that a member has"):
        limited.as_visitor(ADA).datasets.fetch(Ring8())


def test_an_administrator_changes_a_preset_without_taking_it(session: Session):
    session.as_visitor(ADA).presets.save("Rings", tiny())
    session.as_visitor(ADMIN).presets.save("Rings", tiny(steps=2))
    session.as_visitor(ADA).presets.save("Rings", tiny(steps=3))
    session.as_visitor(ADA).presets.delete("Rings")


def test_pictures_and_runs_share_the_disk_space(limited: Session):
    ada = limited.as_visitor(ADA)
    run = trained(limited, ADA)
    (limited.runs_dir / run / "previews" / "large.bin").write_bytes(bytes(1_100_000))
    limited.library.invalidate()
    with pytest.raises(NotAllowed, match="Your runs and pictures use 1 MB of the 1 MB"):
        ada.datasets.prepare(squares(8, 32), Recipe(title="A few"))


def test_a_member_saves_a_limited_number_of_presets(limited: Session):
    ada = limited.as_visitor(ADA)
    for name in ("First", "Second"):
        ada.presets.save(name, tiny())
    with pytest.raises(NotAllowed, match="at most 2 presets on this server, and you have 2"):
        ada.presets.save("Third", tiny())
    ada.presets.save("Second", tiny(steps=3))  # to replace one's own needs no more room
    limited.as_visitor(BOB).presets.save("Third", tiny())
    ada.presets.delete("First")
    ada.presets.save("Fourth", tiny())


def test_a_member_has_a_limited_number_of_tasks(limited: Session):
    released: list[int] = []
    ada = limited.as_visitor(ADA)
    key = ada.begin_task("Lab", "", steps_that_wait(lambda: bool(released))).key
    with pytest.raises(NotAllowed, match="At most 1 of your tasks"):
        ada.begin_task("Lab", "", nothing)
    limited.as_visitor(BOB).begin_task("Lab", "", nothing)
    for _ in range(2):
        limited.as_visitor(ADMIN).begin_task("Lab", "", nothing)
    released.append(1)
    until(lambda: (status := limited.task(key)) is not None and status.done)
    ada.begin_task("Lab", "", nothing)


def test_a_member_cannot_block_the_queue_with_a_paused_run(runs_dir: Path):
    session = Session(runs_dir, threads=1, limits=Limits(pause_minutes=0.01))
    try:
        ada, bob = session.as_visitor(ADA), session.as_visitor(BOB)
        run = ada.start(tiny(**LONG))
        until(lambda: session.snapshot(run).step >= 1)
        ada.pause(run)
        until(lambda: session.snapshot(run).status is Status.PAUSED)
        own = session.start(tiny(**LONG), queue=True)
        until(lambda: session.snapshot(run).status is Status.STOPPED)  # now another run waits
        assert "paused for" in session.snapshot(run).warning
        until(lambda: session.snapshot(own).step >= 1)
        session.pause(own)  # the person at this machine has no limit
        waiting = bob.start(tiny(**LONG), queue=True)
        time.sleep(1.5)
        assert session.snapshot(own).status is Status.PAUSED
        assert session.snapshot(waiting).status is Status.QUEUED
    finally:
        session.close(timeout=60)


def test_a_task_does_not_hold_a_members_run_while_others_wait(runs_dir: Path):
    session = Session(runs_dir, threads=1, limits=Limits(minutes=0.02))
    released: list[int] = []
    try:
        run = session.as_visitor(ADA).start(tiny(**LONG))
        until(lambda: session.snapshot(run).step >= 1)
        waiting = steps_that_wait(lambda: bool(released))
        session.as_visitor(ADA).begin_task("Critic", run, waiting, pauses_training=True)
        other = session.as_visitor(BOB).start(tiny(**LONG), queue=True)
        until(lambda: session.snapshot(run).status is Status.STOPPED)
        until(lambda: session.snapshot(other).step >= 1)
        released.append(1)
    finally:
        released.append(1)
        session.close(timeout=60)


def test_a_withdrawn_run_leaves_no_owner(session: Session):
    session.as_visitor(BOB).start(tiny(**LONG))
    run = session.as_visitor(ADA).start(tiny(**LONG), queue=True)
    assert session.permissions.owners.of("run", run) == "ada"
    session.as_visitor(ADA).stop(run)
    until(lambda: not (session.runs_dir / run).exists())
    until(lambda: session.permissions.owners.of("run", run) is None)


def test_a_run_that_fills_the_members_disk_space_is_ended(
    limited: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(training, "SIZE_INTERVAL_S", 0.1)
    run = limited.as_visitor(ADA).start(tiny(**LONG))
    until(lambda: limited.snapshot(run).step >= 1)
    (limited.runs_dir / run / "previews" / "large.bin").write_bytes(bytes(1_100_000))
    until(lambda: limited.snapshot(run).status is Status.STOPPED)
    assert "of the 1 MB that a member has" in limited.snapshot(run).warning


def test_the_trash_counts_as_disk_space(limited: Session):
    ada = limited.as_visitor(ADA)
    run = trained(limited, ADA)
    (limited.runs_dir / run / "previews" / "large.bin").write_bytes(bytes(1_100_000))
    ada.throw_away(run)
    with pytest.raises(NotAllowed, match="empty its trash"):
        ada.start(tiny())
    ada.library.empty_trash()
    assert trained(limited, ADA)


def test_imports_and_preparations_count_as_tasks(limited: Session):
    released = threading.Event()
    ada, bob = limited.as_visitor(ADA), limited.as_visitor(BOB)
    task = ada.permissions.begin_background("Waiting", lambda progress: released.wait(60))
    for refused in (
        lambda: ada.library.import_run(io.BytesIO(b""), "x"),
        lambda: ada.datasets.prepare([], Recipe(title="x")),
        lambda: ada.datasets.fetch(Ring8()),
        lambda: ada.begin_task("Lab", "", nothing),
    ):
        with pytest.raises(NotAllowed, match="At most 1 of your tasks"):
            refused()
    bob.datasets.prepare([], Recipe(title="x")).wait(60)
    released.set()
    task.wait(60)
    ada.begin_task("Lab", "", nothing)


def test_many_clicks_at_the_same_moment_begin_no_more_tasks_than_allowed(limited: Session):
    released: list[int] = []
    ada = limited.as_visitor(ADA)
    begin = threading.Barrier(8)

    def click() -> bool:
        begin.wait()
        try:
            ada.begin_task("Lab", "", steps_that_wait(lambda: bool(released)))
        except NotAllowed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        began = [each.result() for each in [pool.submit(click) for _ in range(8)]]
    released.append(1)
    assert sum(began) == 1


def test_an_import_cannot_take_the_name_of_a_run_in_the_trash(session: Session, tmp_path: Path):
    """Otherwise whoever imports a copy of a deleted run would own the original."""
    run = trained(session, ADA)
    archive = tmp_path / "run.zip"
    export(Run.named(run, session.runs_dir), archive)
    key = session.as_visitor(ADA).throw_away(run).key
    with archive.open("rb") as file:
        task = session.as_visitor(BOB).library.import_run(file, "run.zip")
        task.wait(60)
    assert task.result[0] != run
    with pytest.raises(NotAllowed):
        session.as_visitor(BOB).library.restore(key)
    assert session.as_visitor(ADA).library.restore(key) == run


def test_a_preset_that_cannot_be_read_keeps_its_owner(session: Session):
    session.as_visitor(ADA).presets.save("Mine", tiny())
    (session.presets.folder / "Mine.json").write_text("{")
    with pytest.raises(NotAllowed):
        session.as_visitor(BOB).presets.save("Mine", tiny())


def test_the_server_ends_a_members_run_after_its_time(runs_dir: Path):
    session = Session(runs_dir, threads=1, limits=Limits(minutes=0.02))
    try:
        run = session.as_visitor(ADA).start(tiny(**LONG))
        until(lambda: session.snapshot(run).status is Status.STOPPED)
        snapshot = session.snapshot(run)
        assert "ends the runs of members after" in snapshot.warning
        assert snapshot.checkpoint_steps[-1] == snapshot.step
        session.as_visitor(ADA).resume(run)  # it gets as much time again
        until(lambda: session.snapshot(run).status is Status.STOPPED)
        assert session.snapshot(run).step > snapshot.step
        unlimited = session.as_visitor(ADMIN).start(tiny(**LONG))
        until(lambda: session.snapshot(unlimited).seconds > 3.0)
        assert session.snapshot(unlimited).status is Status.RUNNING
    finally:
        session.close(timeout=60)


# ---- the queue ----------------------------------------------------------------------------------


def queue_of(session: Session) -> list[str | None]:
    owners = session.permissions.owners
    return [owners.of("run", snapshot.run) for snapshot in session.queued()]


def test_the_queue_serves_members_in_turns(session: Session):
    first = session.as_visitor(ADA).start(tiny(**LONG))
    until(lambda: session.snapshot(first).step >= 1)
    visitors = (ADA, ADA, BOB, BOB, ADMIN)
    order = [session.as_visitor(who).start(tiny(**LONG), queue=True) for who in visitors]
    # Ada's run trains now, so the others come first: Bob, root, and then again Ada and Bob.
    assert queue_of(session) == ["bob", "root", "ada", "bob", "ada"]
    a2, a3, b1, b2, r1 = order
    assert [snapshot.run for snapshot in session.queued()] == [b1, r1, a2, b2, a3]
    # A member changes only the order of their own runs.
    session.as_visitor(ADA).move(a3, -1)
    assert [snapshot.run for snapshot in session.queued()] == [b1, r1, a3, b2, a2]
    session.as_visitor(ADMIN).move(a2, -4)
    assert [snapshot.run for snapshot in session.queued()] == [a2, b1, r1, a3, b2]


def test_the_runs_of_a_race_wait_together(session: Session):
    session.as_visitor(BOB).start(tiny(**LONG))
    session.as_visitor(ADA).race([tiny(**LONG), tiny(**LONG)], queue=True)
    session.as_visitor(BOB).start(tiny(**LONG), queue=True)
    session.as_visitor(ADA).start(tiny(**LONG), queue=True)
    session.as_visitor(ADMIN).start(tiny(**LONG), queue=True)
    assert queue_of(session)[-5:] == ["ada", "ada", "root", "bob", "ada"]


def test_one_visitors_runs_keep_their_order(session: Session):
    session.start(tiny(**LONG))
    runs = [session.start(tiny(**LONG), queue=True) for _ in range(5)]
    assert [snapshot.run for snapshot in session.queued()][-5:] == runs


# ---- folders ------------------------------------------------------------------------------------


def test_pictures_are_read_only_from_folders_that_were_opened(runs_dir: Path, tmp_path: Path):
    opened, closed = tmp_path / "opened", tmp_path / "closed"
    opened.mkdir()
    closed.mkdir()
    (opened / "way-out").symlink_to(closed)
    session = Session(runs_dir, root=tmp_path / "data", threads=1, folders=(opened,))
    try:
        for refused in (
            closed, Path("/etc"), Path("/proc/kmsg"), opened / ".." / "closed", Path("/"),
            opened / "way-out", Path("relative"), Path("~"), tmp_path / "opened2",
        ):  # fmt: skip
            with pytest.raises(NotAllowed, match="may not read pictures from there"):
                session.datasets.prepare(refused, Recipe(title="x"))
        task = session.datasets.prepare(opened, Recipe(title="x"))
        task.wait(60)
        assert "no picture" in task.error
        closed_session = session.as_visitor(ADMIN)
        closed_session.datasets.folders = ()
        with pytest.raises(NotAllowed):
            closed_session.datasets.prepare(opened, Recipe(title="x"))
    finally:
        session.close(timeout=60)


# ---- audit --------------------------------------------------------------------------------------


def test_starts_changes_stops_and_deletions_are_in_the_audit_log(session: Session, caplog):
    caplog.set_level("INFO", logger="wgan.audit")
    ada = session.as_visitor(ADA)
    run = ada.start(tiny(**LONG))
    until(lambda: session.snapshot(run).step >= 1)
    ada.change(run, critic_learning_rate=2e-4)
    ada.stop(run)
    until(lambda: session.snapshot(run).status is Status.STOPPED)
    ada.describe(run, star=True)
    ada.library.star_checkpoint(run, session.snapshot(run).checkpoint_steps[-1], True)
    with pytest.raises(RunError):
        session.as_visitor(BOB).throw_away(run)
    ada.throw_away(run)
    ada.library.empty_trash()
    lines = [
        (str(record.visitor), record.action, record.run)
        for record in caplog.records
        if record.name == "wgan.audit"
    ]
    assert lines == [
        ("member:ada", action, run)
        for action in (
            "start",
            "change",
            "stop",
            "describe",
            "star checkpoint",
            "delete",
            "delete permanently",
        )
    ]
    change = next(r for r in caplog.records if getattr(r, "action", "") == "change")
    assert change.getMessage() == "critic_learning_rate=0.0002"


def test_every_preset_is_short_enough_for_members():
    assert max(preset.config.steps for preset in PRESETS.values()) <= Limits().steps


@pytest.mark.parametrize("page", sorted(Path("pages").rglob("*.py")), ids=str)
def test_no_button_keeps_the_rights_of_the_moment_at_which_it_was_drawn(page: Path):
    """A method of `session()` has the visitor's rights in it: a renewed link would not end them."""
    for call in ast.walk(ast.parse(page.read_text("utf-8"))):
        for keyword in getattr(call, "keywords", []):
            if keyword.arg in ("on_click", "on_change", "args", "kwargs"):
                assert "session()" not in ast.unparse(keyword.value), ast.unparse(keyword)


@pytest.mark.parametrize("page", sorted(Path("pages").rglob("*.py")), ids=str)
def test_every_field_for_files_is_closed_to_viewers(page: Path):
    """The middleware refuses the upload of a viewer, but only after it was sent, and without a reason on the page."""
    for call in ast.walk(ast.parse(page.read_text("utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "st.file_uploader":
            spread = [ast.unparse(k.value) for k in call.keywords if k.arg is None]
            assert any(text.startswith("permitted(") for text in spread), call.lineno
