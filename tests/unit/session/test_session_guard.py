"""The guard's rules: a message is rebuilt from listed fields, each bounded, or it does not exist."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.session import guard
from workspace.session.guard import OUTGOING, bare_reply, notice, rebuild

SECRET = "patient-0042"
LONG = "x" * 2_000_000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)

# What each kind of message may weigh at most, whatever a kernel puts in it.
BOUNDS = {"stream": 110_000, "error": 130_000, "complete_reply": 60_000, "status": 100}
DEFAULT_BOUND = 20_000


def hostile(msg_type: str) -> dict[str, Any]:
    """Every field any rule knows, each far too long, with extra ones beside them."""
    texts = ("text", "ename", "evalue", "prompt", "banner", "implementation", "indent", "code", "execution_state")
    return {
        **dict.fromkeys(texts, LONG),
        "name": LONG,
        "traceback": [LONG] * 500,
        "matches": [LONG] * 5_000,
        "payload": [{"source": "page", "data": {"text/plain": LONG}}],
        "user_expressions": {"a": LONG},
        "history": [LONG],
        "metadata": {"hidden": LONG},
        "transient": {"display_id": LONG},
        "data": {"application/vnd.custom": LONG, LONG: LONG},
        "found": True,
        "extra": LONG,
        "status": "error" if msg_type != "is_complete_reply" else LONG,
        "cursor_start": 10**30,
        "execution_count": 10**30,
    }


@pytest.mark.parametrize("msg_type", sorted(OUTGOING))
def test_a_message_full_of_everything_comes_out_small(msg_type: str) -> None:
    rebuilt = rebuild(OUTGOING[msg_type].channels[0], msg_type, hostile(msg_type))
    assert rebuilt is not None
    assert len(json.dumps(rebuilt.content)) <= BOUNDS.get(msg_type, DEFAULT_BOUND)
    assert "extra" not in rebuilt.content


@pytest.mark.parametrize("msg_type", sorted(OUTGOING))
@given(content=json_values)
def test_no_content_breaks_a_rule(msg_type: str, content: object) -> None:
    rebuilt = rebuild(OUTGOING[msg_type].channels[0], msg_type, content)
    assert rebuilt is not None
    json.dumps(rebuilt.content, allow_nan=False)


@pytest.mark.parametrize(
    "msg_type",
    [
        "comm_open",
        "comm_msg",
        "comm_close",
        "comm_info_reply",
        "debug_event",
        "debug_reply",
        "data_pub",
        "",
        None,
        7,
        [],
    ],
)
@pytest.mark.parametrize("channel", ["iopub", "shell", "control", "stdin"])
def test_what_no_rule_names_does_not_exist(msg_type: object, channel: str) -> None:
    assert rebuild(channel, msg_type, {"data": SECRET}) is None


@pytest.mark.parametrize(
    ("msg_type", "wrong"), [("stream", "shell"), ("execute_reply", "iopub"), ("input_request", "iopub")]
)
def test_a_message_on_another_channel_does_not_exist(msg_type: str, wrong: str) -> None:
    assert rebuild(wrong, msg_type, {}) is None


def test_payload_metadata_and_user_expressions_are_dropped() -> None:
    content = {
        "status": "ok",
        "payload": [{"text": SECRET}],
        "user_expressions": {"a": SECRET},
        "metadata": {"b": SECRET},
    }
    rebuilt = rebuild("shell", "execute_reply", content)
    assert rebuilt is not None
    assert SECRET not in json.dumps(rebuilt.content)


def test_kernel_info_is_a_constant_whatever_the_kernel_says() -> None:
    said = {"banner": SECRET, "help_links": [{"text": SECRET, "url": SECRET}], "protocol_version": SECRET}
    first, second = rebuild("shell", "kernel_info_reply", said), rebuild("shell", "kernel_info_reply", {})
    assert first == second
    assert first is not None
    assert first.content["banner"] == ""


@pytest.mark.parametrize("state", ["busy", "idle", "starting"])
def test_the_three_states_pass(state: str) -> None:
    rebuilt = rebuild("iopub", "status", {"execution_state": state})
    assert rebuilt is not None
    assert rebuilt.content == {"execution_state": state}


@pytest.mark.parametrize("state", [SECRET, "", None, 3, ["idle"], {"idle": 1}, "IDLE"])
def test_any_other_state_becomes_busy(state: object) -> None:
    rebuilt = rebuild("iopub", "status", {"execution_state": state})
    assert rebuilt is not None
    assert rebuilt.content == {"execution_state": "busy"}


def test_a_traceback_keeps_its_end_and_says_what_is_missing() -> None:
    rebuilt = rebuild("iopub", "error", {"ename": "E", "evalue": "v", "traceback": [str(n) for n in range(100)]})
    assert rebuilt is not None
    assert rebuilt.content["traceback"][-1] == "99"
    assert "40 earlier lines" in rebuilt.content["traceback"][0]


def test_the_code_a_kernel_repeats_is_not_repeated() -> None:
    rebuilt = rebuild("iopub", "execute_input", {"code": SECRET, "execution_count": 3})
    assert rebuilt is not None
    assert rebuilt.content == {"code": "", "execution_count": 3}


@pytest.mark.parametrize("name", ["a b", "x" * 65, "é", "", 4, None])
def test_a_display_id_is_a_short_plain_name_or_nothing(name: object) -> None:
    rebuilt = rebuild("iopub", "display_data", {"data": {}, "transient": {"display_id": name}})
    assert rebuilt is not None
    assert rebuilt.content["transient"] == {}


def test_an_indent_is_only_spaces() -> None:
    rebuilt = rebuild("shell", "is_complete_reply", {"status": "incomplete", "indent": "\t" * 1000})
    assert rebuilt is not None
    assert rebuilt.content == {"status": "incomplete", "indent": " " * guard.MAX_INDENT}


def test_a_bare_reply_says_only_how_it_ended() -> None:
    whole = rebuild(
        "shell", "execute_reply", {"status": "error", "ename": SECRET, "evalue": SECRET, "execution_count": 5}
    )
    assert whole is not None
    bare = bare_reply(whole)
    assert SECRET not in json.dumps(bare.content)
    assert bare.content["status"] == "error"
    assert bare.essential


def test_a_notice_is_essential_and_short() -> None:
    told = notice("Something was left out.")
    assert told.essential
    assert told.content == {"name": "stderr", "text": "[Tidegate] Something was left out.\n"}


def test_comms_and_debugging_are_not_accepted_from_the_browser_either() -> None:
    assert not [kind for kind in guard.INCOMING if kind.startswith(("comm", "debug"))]
