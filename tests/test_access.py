"""Who is let in: the door, its tokens, settings, owners, uploads and the audit log."""

import json
import logging
import os
import stat
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wgan.access import (
    LOCAL_VISITOR,
    AccessSettings,
    Door,
    Knock,
    Limits,
    Owners,
    Refusal,
    Role,
    SettingError,
    ShareTokens,
    UploadMeter,
    Visitor,
    audit,
    configure,
    limit_variable,
)
from wgan.access.audit import one_line
from wgan.access.door import NOT_SHARED, WRONG_ORIGIN, host_name, is_loopback

LOCAL = {"host": "localhost:8501"}
KEY = "0123456789abcdef"


def knock(
    headers: Mapping[str, str] = LOCAL,
    *,
    peer: str | None = "127.0.0.1",
    token: str | None = None,
    cookie: str | None = None,
    browser: str | None = "a browser",
) -> Knock:
    return Knock(peer, dict(headers), token, cookie, browser)


@pytest.fixture
def tokens(tmp_path: Path) -> ShareTokens:
    return ShareTokens(tmp_path)


@pytest.fixture
def local(tokens: ShareTokens) -> Door:
    return Door(AccessSettings(), tokens)


@pytest.fixture
def shared(tokens: ShareTokens) -> Door:
    return Door(AccessSettings(share=True, urls=("https://gan.example.org/app",)), tokens)


# ---- without --share ----------------------------------------------------------------------------


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "localhost:8501", "127.0.0.1:8501", "[::1]:8501"])
def test_this_machine_may_do_everything(local: Door, peer: str, host: str):
    assert local.open_to(knock({"host": host}, peer=peer)) == LOCAL_VISITOR
    origin = {"host": host, "origin": f"http://{host}"}
    assert local.open_to(knock(origin, peer=peer)) == LOCAL_VISITOR


@pytest.mark.parametrize("peer", ["192.168.1.7", "10.0.0.1", "8.8.8.8", "fe80::1", "", None, "x"])
def test_other_machines_are_refused(local: Door, peer: str | None):
    assert local.open_to(knock(peer=peer)) == Refusal(NOT_SHARED)


@pytest.mark.parametrize(
    "host",
    ["attacker.example", "attacker.example:8501", "localhost.attacker.example", "192.168.1.7:8501",
     "127.0.0.1.attacker.example", "localhost:8501@attacker.example", "0.0.0.0:8501", "", "[::1",
     "localhost/", "local host", "127.0.0.1:99999999"],
)  # fmt: skip
def test_a_name_that_was_rebound_to_this_machine_is_refused(local: Door, host: str):
    assert isinstance(local.open_to(knock({"host": host})), Refusal)
    assert isinstance(local.open_to(knock({})), Refusal)


@pytest.mark.parametrize(
    "name",
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
     "x-forwarded-prefix", "x-client-ip", "x-original-forwarded-for", "cf-connecting-ip", "cdn-loop",
     "fly-client-ip", "true-client-ip", "x-envoy-external-address", "x-forwarded", "x-scheme", "client-ip",
     "x-amzn-trace-id", "x-azure-clientip", "x-arr-log-id", "x-appengine-user-ip", "ngrok-trace-id"],
)  # fmt: skip
def test_a_request_that_a_proxy_has_forwarded_is_refused(local: Door, name: str):
    assert local.open_to(knock({**LOCAL, name: "203.0.113.5"})) == Refusal(NOT_SHARED)
    assert local.open_to(knock({**LOCAL, name: ""})) == Refusal(NOT_SHARED)


@pytest.mark.parametrize(
    "origin",
    ["http://attacker.example", "http://localhost:9999", "https://localhost", "null", "",
     "file://", "http://localhost:8501.attacker.example", "http://[", "chrome-extension://abc"],
)  # fmt: skip
@pytest.mark.parametrize("share", [False, True])
def test_another_web_site_is_refused(local: Door, shared: Door, origin: str, share: bool):
    door = shared if share else local
    cookie = door.tokens.of(Role.ADMIN)
    assert door.open_to(knock({**LOCAL, "origin": origin}, cookie=cookie)) == Refusal(WRONG_ORIGIN)


# ---- with --share -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.5"])
@pytest.mark.parametrize("host", ["localhost:8501", "gan.example.org"])
def test_a_token_gives_its_role(shared: Door, role: Role, peer: str, host: str):
    token = shared.tokens.of(role)
    for given_as in ({"token": token}, {"cookie": token}):
        visitor = shared.open_to(knock({"host": host}, peer=peer, **given_as))
        assert isinstance(visitor, Visitor) and visitor.role is role


def test_even_this_machine_needs_a_token_when_the_app_is_shared(shared: Door):
    for refused in (shared.open_to(knock()), shared.open_to(knock(cookie="wrong"))):
        assert isinstance(refused, Refusal) and refused.asks_for_token
    assert isinstance(shared.open_to(knock(token="")), Refusal)
    assert isinstance(shared.open_to(knock(token="x" * 100_000)), Refusal)


def test_a_wrong_token_is_refused_even_beside_a_valid_cookie(shared: Door):
    # Otherwise somebody could not see that a link is out of date.
    assert isinstance(
        shared.open_to(knock(token="wrong", cookie=shared.tokens.of(Role.ADMIN))), Refusal
    )


def test_of_two_tokens_the_stronger_counts(shared: Door):
    viewer, admin = shared.tokens.of(Role.VIEWER), shared.tokens.of(Role.ADMIN)
    for token, cookie in ((viewer, admin), (admin, viewer)):
        visitor = shared.open_to(knock(token=token, cookie=cookie))
        assert isinstance(visitor, Visitor) and visitor.role is Role.ADMIN


def test_each_browser_is_another_visitor_and_its_id_reveals_no_secret(shared: Door):
    token = shared.tokens.of(Role.MEMBER)
    first, second, again = (
        shared.open_to(knock(cookie=token, browser=secret)) for secret in ("one", "two", "one")
    )
    assert isinstance(first, Visitor) and isinstance(second, Visitor)
    assert first == again != second and "one" not in first.id
    # The role does not belong to the identity: a member who becomes an administrator keeps their runs.
    promoted = shared.open_to(knock(cookie=shared.tokens.of(Role.ADMIN), browser="one"))
    assert isinstance(promoted, Visitor) and promoted.id == first.id


def test_a_browser_without_cookies_can_only_watch(shared: Door):
    visitor = shared.open_to(knock(token=shared.tokens.of(Role.ADMIN), browser=None))
    assert isinstance(visitor, Visitor) and visitor.role is Role.VIEWER


def test_a_renewed_token_shuts_out_those_who_have_the_old_one(shared: Door):
    old = shared.tokens.of(Role.MEMBER)
    new = shared.tokens.renew(Role.MEMBER)
    assert isinstance(shared.open_to(knock(cookie=old)), Refusal)
    visitor = shared.open_to(knock(cookie=new))
    assert isinstance(visitor, Visitor) and visitor.role is Role.MEMBER


def test_anonymous_visitors_get_the_role_of_the_setting(tokens: ShareTokens):
    for role in (Role.VIEWER, Role.MEMBER):
        door = Door(AccessSettings(share=True, anonymous=role), tokens)
        visitor = door.open_to(knock())
        assert isinstance(visitor, Visitor) and visitor.role is role
        admin = door.open_to(knock(cookie=tokens.of(Role.ADMIN)))
        assert isinstance(admin, Visitor) and admin.role is Role.ADMIN


def test_only_a_proxy_with_the_key_can_name_a_user(tokens: ShareTokens):
    settings = AccessSettings(share=True, proxy_key=KEY, admins=frozenset({"ada"}))
    door = Door(settings, tokens)
    for user, role in (("ada", Role.ADMIN), ("bob", Role.MEMBER)):
        headers = {**LOCAL, "x-forwarded-user": user, "x-wgan-key": KEY}
        visitor = door.open_to(knock(headers))
        assert isinstance(visitor, Visitor)
        assert (visitor.role, visitor.name) == (role, user)
    for key in ({}, {"x-wgan-key": ""}, {"x-wgan-key": KEY[:-1]}, {"x-wgan-key": KEY + "0"}):
        assert isinstance(door.open_to(knock({**LOCAL, "x-forwarded-user": "ada", **key})), Refusal)
    assert isinstance(door.open_to(knock({**LOCAL, "x-wgan-key": KEY})), Refusal)
    without_key = Door(AccessSettings(share=True), tokens)
    for key in ({}, {"x-wgan-key": ""}):
        headers = {**LOCAL, "x-forwarded-user": "ada", **key}
        assert isinstance(without_key.open_to(knock(headers)), Refusal)


def test_the_user_of_a_proxy_and_a_browser_cannot_have_the_same_id(tokens: ShareTokens):
    door = Door(AccessSettings(share=True, proxy_key=KEY), tokens)
    user = door.open_to(knock({**LOCAL, "x-forwarded-user": "ada", "x-wgan-key": KEY}))
    browser = door.open_to(knock(cookie=tokens.of(Role.MEMBER), browser="ada"))
    assert isinstance(user, Visitor) and isinstance(browser, Visitor) and user.id != browser.id


def test_the_address_of_the_app_says_whether_its_visitors_use_https(shared: Door, local: Door):
    assert shared.is_behind_https("gan.example.org") and shared.is_behind_https(
        "Gan.Example.org:443"
    )
    assert not shared.is_behind_https("localhost:8501") and not shared.is_behind_https("")
    assert not local.is_behind_https("gan.example.org")


def test_behind_a_proxy_the_origin_may_be_the_public_address(shared: Door):
    cookie = shared.tokens.of(Role.VIEWER)
    headers = {"host": "127.0.0.1:8501", "origin": "https://gan.example.org"}
    assert isinstance(shared.open_to(knock(headers, cookie=cookie)), Visitor)
    for origin in ("http://gan.example.org", "https://gan.example.org:444"):
        refused = shared.open_to(knock({**headers, "origin": origin}, cookie=cookie))
        assert refused == Refusal(WRONG_ORIGIN)


@given(st.text(max_size=300))
def test_any_host_header_is_parsed_or_refused(header: str):
    name = host_name(header)
    assert name is None or (name == name.lower() and "/" not in name and "@" not in name)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_loopback_is_what_rfc_1122_says(address: IPv4Address):
    is_local = str(address).startswith("127.")
    assert is_loopback(str(address)) == is_loopback(f"::ffff:{address}") == is_local


# ---- tokens -------------------------------------------------------------------------------------


def test_tokens_last_over_a_restart_and_only_their_owner_can_read_them(tmp_path: Path):
    tokens = ShareTokens(tmp_path)
    each = {role: tokens.of(role) for role in Role}
    assert len(set(each.values())) == 3 and all(len(token) >= 32 for token in each.values())
    assert {role: ShareTokens(tmp_path).of(role) for role in Role} == each
    if os.name == "posix":
        assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(tokens.path.parent.stat().st_mode) == 0o700


def test_another_process_can_renew_a_token(tmp_path: Path):
    server, command_line = ShareTokens(tmp_path), ShareTokens(tmp_path)
    old = server.of(Role.MEMBER)
    assert command_line.role_of(old) is Role.MEMBER
    new = command_line.renew(Role.MEMBER)
    assert server.role_of(old) is None and server.role_of(new) is Role.MEMBER


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"viewer": 1}', '{"viewer": ""}', '{"root": "' + "x" * 40 + '"}']
)
def test_a_damaged_file_of_tokens_lets_nobody_in(tmp_path: Path, content: str):
    tokens = ShareTokens(tmp_path)
    tokens.path.parent.mkdir()
    tokens.path.write_text(content)
    assert tokens.role_of("") is None and tokens.role_of("x" * 40) is None
    assert tokens.role_of(tokens.of(Role.VIEWER)) is Role.VIEWER


@given(st.text(max_size=60))
def test_a_guess_is_no_token(guess: str):
    tokens = ShareTokens(Path("/nonexistent"))
    assert tokens.role_of(guess) is None


# ---- settings -----------------------------------------------------------------------------------


def test_the_settings_are_read_from_the_environment(tmp_path: Path):
    settings = AccessSettings.from_environment(
        {
            "WGAN_SHARE": "1",
            "WGAN_URL": "https://gan.example.org/app http://10.0.0.7:8501",
            "WGAN_ANONYMOUS": "viewer",
            "WGAN_PROXY_KEY": KEY,
            "WGAN_USER_HEADER": "X-Remote-User",
            "WGAN_ADMINS": "ada, bob",
            "WGAN_FOLDERS": str(tmp_path),
            limit_variable("queued"): "7",
            limit_variable("upload_mb_per_hour_in_all"): "9",
        }
    )
    assert settings.share and settings.hosts == {"gan.example.org", "10.0.0.7"}
    assert settings.anonymous is Role.VIEWER and settings.user_header == "x-remote-user"
    assert settings.admins == {"ada", "bob"} and settings.folders == (tmp_path.resolve(),)
    assert settings.limits == Limits(queued=7, upload_mb_per_hour_in_all=9)
    assert AccessSettings.from_environment({}) == AccessSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("WGAN_SHARE", "yes please"), ("WGAN_URL", "gan.example.org"), ("WGAN_URL", "ftp://x"),
     ("WGAN_ANONYMOUS", "admin"), ("WGAN_PROXY_KEY", "short"), ("WGAN_MAX_QUEUED", "0"),
     ("WGAN_MAX_STEPS", "-1"), ("WGAN_MAX_MINUTES", "1e3"), ("WGAN_MAX_DISK_MB", "many")],
)  # fmt: skip
def test_a_wrong_setting_is_named(name: str, value: str):
    with pytest.raises(SettingError, match=name):
        AccessSettings.from_environment({name: value})


# ---- owners, uploads, log -----------------------------------------------------------------------


def test_owners_are_stored_and_survive_a_damaged_file(tmp_path: Path, caplog):
    owners = Owners(tmp_path)
    owners.set("run", "a", "ada")
    owners.set("preset", "a", "bob")
    owners.set("run", "b", "ada")
    owners.set("run", "b", None)
    again = Owners(tmp_path)
    assert again.of("run", "a") == "ada" and again.of("preset", "a") == "bob"
    assert again.of("run", "b") is None and again.names("run", "ada") == {"a"}
    for content in ("{", "[1]", '"x"', '{"run/a": 3}'):
        again.path.write_text(content)
        assert Owners(tmp_path).of("run", "a") is None
    assert "only administrators" in caplog.text


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 60)), max_size=40))
def test_uploads_of_an_hour_never_exceed_the_limits(uploads: list[tuple[str, int]]):
    limits = Limits(upload_mb_per_hour=100, upload_mb_per_hour_in_all=150)
    meter = UploadMeter(limits)
    accepted: list[tuple[float, str, int]] = []
    for minute, (name, megabytes) in enumerate(uploads):
        now, visitor = 600.0 * minute, Visitor(name, Role.MEMBER)
        refusal = meter.refusal(visitor, megabytes * 1_000_000, now=now)
        recent = [(who, n) for at, who, n in accepted if now - at <= 3600]
        own = sum(n for who, n in recent if who == name)
        fits = own + megabytes <= 100 and sum(n for _, n in recent) + megabytes <= 150
        assert (refusal == "") == fits
        if fits:
            meter.add(visitor, megabytes * 1_000_000, now=now)
            accepted.append((now, name, megabytes))
    assert not meter.refusal(Visitor("root", Role.ADMIN), 10**12)


@given(st.text())
def test_a_text_of_a_visitor_stays_in_its_line_of_the_log(text: str):
    assert len(one_line(text).splitlines()) <= 1 and "\x1b" not in one_line(text)


def test_a_log_line_has_time_level_visitor_run_and_action(tmp_path: Path, capsys):
    logger = logging.getLogger("wgan")
    before = (list(logger.handlers), logger.level, logger.propagate)
    try:
        configure(tmp_path)
        configure(tmp_path)  # a second call changes nothing
        audit(Visitor("abc", Role.MEMBER), "start", "run-1", "steps=5\nINFO forged")
        audit(Visitor("abc", Role.MEMBER), "delete", "run\n2")
        logging.getLogger("wgan.session").warning("something else")
        lines = (tmp_path / ".access" / "audit.log").read_text().splitlines()
        assert len(lines) == 2 and " run=run?2 action=delete " in lines[1]
        time, rest = lines[0].split(" ", 1)
        assert datetime.fromisoformat(time).tzinfo is not None and rest == (
            "INFO visitor=member:abc run=run-1 action=start steps=5?INFO forged"
        )
        shown = capsys.readouterr().err.splitlines()
        assert shown[:2] == lines
        assert shown[2].endswith("WARNING visitor=- run=- action=- something else")
    finally:
        for handler in [*logger.handlers, *logging.getLogger("wgan.audit").handlers]:
            handler.close()
        logging.getLogger("wgan.audit").handlers = []
        logger.handlers, logger.level, logger.propagate = before


def test_tokens_and_owners_are_no_runs(tmp_path: Path):
    from wgan.runs import list_runs

    ShareTokens(tmp_path).of(Role.ADMIN)
    Owners(tmp_path).set("run", "a", "ada")
    assert list_runs(tmp_path) == []
    assert json.loads(Owners(tmp_path).path.read_text()) == {"run/a": "ada"}
