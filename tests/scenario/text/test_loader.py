from __future__ import annotations

import pytest
from golden_files import check_golden
from scenario_texts import EVERYTHING, NESTED, SEND, example

from xenexplore.errors import ScenarioError
from xenexplore.scenario.model.action_records import ACTIONS
from xenexplore.scenario.model.values import Reference
from xenexplore.scenario.text.loader import load_scenario, parse_scenario

HEAD = 'name = "x"\ntitle = "X"\n'
BUFFER = HEAD + '[[buffer]]\nname = "b"\nplace = "stack"\n'
CALL = BUFFER + 'size = 8\n[[action]]\ndo = "call"\n'
OPTION = HEAD + '[[option]]\nuse = "software-tlb"\n'

MALFORMED = {
    "no TOML": 'name = "x\ntitle = "y"\n',
    "cut": HEAD + "[[buffer",
    "twice": HEAD + 'name = "y"\n',
    "no name": 'title = "X"\n',
    "name in capitals": 'name = "Bad Name"\ntitle = "X"\n',
    "title is a number": 'name = "x"\ntitle = 3\n',
    "question of numbers": HEAD + "question = [1]\n",
    "unknown table": HEAD + '[[bufer]]\nname = "b"\n',
    "unknown key": HEAD + 'quesiton = ["Q1"]\n',
    "guest in double brackets": HEAD + "[[guest]]\nvcpus = 2\n",
    "buffer in single brackets": HEAD + '[buffer]\nname = "b"\n',
    "guest type": HEAD + '[guest]\ntype = "phv"\n',
    "guest kernel": HEAD + '[guest]\nkernel = "linus"\n',
    "guest vcpus": HEAD + "[guest]\nvcpus = 0\n",
    "guest vcpus true": HEAD + "[guest]\nvcpus = true\n",
    "guest memory": HEAD + '[guest]\nmemory = "768"\n',
    "guest memory odd": HEAD + "[guest]\nmemory = 100000001\n",
    "guest p2m": HEAD + '[guest]\np2m = "4M"\n',
    "guest pv encrypted": HEAD + '[guest]\ntype = "pv"\nencryption = "sev"\n',
    "guest key": HEAD + "[guest]\nvcpu = 2\n",
    "la57 as text": HEAD + '[guest]\nla57 = "yes"\n',
    "buffer without name": HEAD + '[[buffer]]\nplace = "stack"\n',
    "buffer twice": BUFFER + 'size = 4\n[[buffer]]\nname = "b"\nplace = "stack"\nsize = 4\n',
    "buffer place": HEAD + '[[buffer]]\nname = "b"\nplace = "kmaloc"\nsize = 4\n',
    "buffer place misspelt": HEAD + '[[buffer]]\nname = "b"\nplce = "stack"\nsize = 4\n',
    "buffer without size": BUFFER,
    "buffer of no size": BUFFER + "size = 0\n",
    "buffer size and contents": BUFFER + 'size = 2\nstruct = "evtchn_send"\nfields = {}\n',
    "buffer offset": BUFFER + "size = 4\noffset = 4096\n",
    "buffer address": BUFFER + "size = 4\naddress = 5\n",
    "buffer address digits": BUFFER + 'size = 4\naddress = "0xfffg"\n',
    "buffer address and offset": BUFFER + 'size = 4\naddress = "0xffff"\noffset = 8\n',
    "buffer frames": BUFFER + 'size = 4\nframes = "0x1"\n',
    "buffer frame too large": BUFFER + 'size = 4\nframes = ["0xfffffffffffffff"]\n',
    "buffer fixed": HEAD + '[[buffer]]\nname = "b"\nplace = "fixed"\nsize = 4\n',
    "buffer vcpu": BUFFER + "size = 4\nvcpu = 1\n",
    "struct": BUFFER + 'struct = "evtchn_sned"\nfields = {}\n',
    "struct is missing": BUFFER + "fields = { port = 5 }\n",
    "fields as list": BUFFER + 'struct = "evtchn_send"\nfields = [5]\n',
    "field": BUFFER + 'struct = "evtchn_send"\nfields = { prot = 5 }\n',
    "field far below": BUFFER
    + 'struct = "evtchn_send"\n\narray = [\n  {},\n  { port = "five" },\n]\n',
    "field value": BUFFER + 'struct = "evtchn_send"\nfields = { port = "five" }\n',
    "field too large": BUFFER + 'struct = "evtchn_send"\nfields = { port = "0x100000000" }\n',
    "field as address": BUFFER + 'struct = "evtchn_send"\nfields = { port = "@b" }\n',
    "dotted field": BUFFER + 'struct = "xen_memory_reservation"\nfields.domid = 1\nfields.nr = 2\n',
    "field of no buffer": BUFFER
    + 'struct = "xen_memory_reservation"\nfields = { extent_start = "@c" }\n',
    "array empty": BUFFER + 'struct = "xen_pfn_t"\narray = []\n',
    "array element": BUFFER + 'struct = "xen_pfn_t"\narray = [1, "x"]\n',
    "two contents": BUFFER + 'text = "a"\nbytes = "00"\n',
    "text with struct": BUFFER + 'struct = "evtchn_send"\ntext = "a"\n',
    "bytes": BUFFER + 'bytes = "0g"\n',
    "action without do": BUFFER + "size = 8\n[[action]]\nvcpu = 0\n",
    "action": BUFFER + 'size = 8\n[[action]]\ndo = "cal"\n',
    "hypercall": CALL + 'hypercall = "event_channel_op sned"\n',
    "hypercall family": CALL + 'hypercall = "event_chanel_op send"\n',
    "hypercall constant": CALL + 'hypercall = "EVTCHNOP_sendd"\n',
    "hypercall without sub-op": CALL + 'hypercall = "event_channel_op"\n',
    "argument": CALL + 'hypercall = "event_channel_op send"\nwith = { args = "@b" }\n',
    "argument cmd": CALL + 'hypercall = "event_channel_op send"\nwith = { cmd = 4 }\n',
    "argument's buffer": CALL + 'hypercall = "event_channel_op send"\nwith = { arg = "@c" }\n',
    "argument as list": CALL + 'hypercall = "event_channel_op send"\nwith = ["@b"]\n',
    "call key": CALL + 'hypercall = "event_channel_op send"\nusr = true\n',
    "call vcpu": CALL + 'hypercall = "event_channel_op send"\nvcpu = 3\n',
    "preempt": CALL + 'hypercall = "event_channel_op send"\npreempt = [2, 1]\n',
    "preempt twice": CALL
    + 'hypercall = "event_channel_op send"\npreempt = [1]\npreempt_after = 1\n',
    "multicall": BUFFER + 'size = 64\n[[action]]\ndo = "multicall"\nlist = "b"\nentries = []\n',
    "multicall entry": BUFFER
    + 'size = 64\n[[action]]\ndo = "multicall"\nlist = "b"\nentries = [ { hypercal = "x" } ]\n',
    "remap": BUFFER + 'size = 8\n[[action]]\ndo = "remap"\nbuffer = "bb"\n',
    "p2m type": BUFFER + 'size = 8\n[[action]]\ndo = "p2m"\nbuffer = "b"\ntype = "p2m_ram_r"\n',
    "register": BUFFER + 'size = 8\n[[action]]\ndo = "register"\nwhat = "direct-map"\n',
    "subject": BUFFER + 'size = 8\n[[action]]\ndo = "update-runstate"\n',
    "setup twice": HEAD + '[[action]]\ndo = "setup"\n' * 2,
    "setup after a call": CALL + 'hypercall = "sched_op yield"\n[[action]]\ndo = "setup"\n',
    "buffer used before it is placed": HEAD
    + '[[action]]\ndo = "remap"\nbuffer = "b"\n'
    + '[[action]]\ndo = "place"\nname = "b"\nplace = "stack"\nsize = 8\n',
    "place of a name in use": BUFFER
    + 'size = 8\n[[action]]\ndo = "place"\nname = "b"\nplace = "stack"\nsize = 8\n',
    "write nothing": BUFFER + 'size = 8\n[[action]]\ndo = "write"\nbuffer = "b"\n',
    "write no field": BUFFER
    + 'size = 8\n[[action]]\ndo = "write"\nbuffer = "b"\nstruct = "evtchn_send"\n',
    "write twice over": BUFFER
    + 'size = 8\n[[action]]\ndo = "write"\nbuffer = "b"\ngpa = "0x1000"\nbytes = "00"\n',
    "entry bit": HEAD + '[[action]]\ndo = "entry"\naddress = "0x1000"\nset_bits = ["WR"]\n',
    "entry of nothing": HEAD + '[[action]]\ndo = "entry"\naddress = "0x1000"\n',
    "entry value": HEAD + '[[action]]\ndo = "entry"\naddress = "0x1000"\nvalue = "P"\n',
    "insert without gpa": HEAD + '[[action]]\ndo = "insert"\naddress = "0x1000"\nsize = 8\n',
    "lookup without address": HEAD + '[[action]]\ndo = "lookup"\n',
    "purge of both": HEAD
    + '[[action]]\ndo = "purge"\nwhat = "all"\naddress = "0x1000"\nsize = 8\n',
    "option": HEAD + '[[option]]\nuse = "sofware-tlb"\n',
    "option twice": OPTION + '[[option]]\nuse = "software-tlb"\n',
    "option parameter": OPTION + "entires = 4\n",
    "option value": OPTION + 'policy = "lur"\n',
    "option number": OPTION + 'entries = "many"\n',
    "option flag": OPTION + "global_only = 1\n",
    "expect of no option": OPTION + '[[expect]]\noption = "linear-walk"\nstatus = "right"\n',
    "expect status": OPTION + '[[expect]]\nstatus = "rigth"\n',
    "expect nothing": OPTION + "[[expect]]\n",
    "expect result": OPTION + '[[expect]]\nresult = "EFALT"\n',
    "expect result that is a flag": OPTION + "[[expect]]\nresult = true\n",
    "expect count": OPTION + "[[expect]]\ncounts = { walk = 1 }\n",
    "expect count below zero": OPTION + "[[expect]]\ncounts = { walks = -1 }\n",
}


def test_what_malformed_texts_are_told():
    """One message each: file, line, field, what was expected, the nearest word."""
    lines = []
    for name, text in MALFORMED.items():
        with pytest.raises(ScenarioError) as told:
            parse_scenario(text, "mail.toml")
        assert str(told.value).startswith("mail.toml: line "), name
        assert "\n" not in str(told.value)
        lines.append(f"{name}\n" + "".join(f"    {part}\n" for part in wrapped(str(told.value))))
    check_golden("scenario-errors.txt", "\n".join(lines))


def wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 66, break_on_hyphens=False)


def test_a_text_says_what_its_records_say():
    scenario = example(NESTED)
    assert [buffer.name for buffer in scenario.buffers] == ["extents", "reservation"]
    extents, reservation = scenario.buffers
    assert (extents.length, extents.offset, extents.contents.array) == (32, 4080, (1, 2, 3, 4))
    assert reservation.contents.fields == (
        ("extent_start", Reference("extents")),
        ("nr_extents", 4),
        ("domid", 0x7FF0),
    )
    assert scenario.buffer("extents") is extents
    assert scenario.buffer("nothing") is None


def test_every_action_can_be_written():
    used = {action.do for action in example(EVERYTHING).actions}
    # Only encrypted guests share; the last four have tests of their own.
    assert used == set(ACTIONS) - {"share", "hypercall-page", "migrate", "compat-call", "setup"}


@pytest.mark.parametrize(
    "name", ["event_channel_op send", "event_channel_op.send", "EVTCHNOP_send"]
)
def test_a_hypercall_has_several_spellings_and_one_name(name):
    (action,) = example(SEND.replace("event_channel_op send", name)).actions
    assert action.hypercall == "event_channel_op send"


def test_a_file_and_standard_input_are_read(tmp_path, monkeypatch):
    import io

    path = tmp_path / "a.toml"
    path.write_text(SEND, encoding="utf-8")
    assert load_scenario(str(path)) == example(SEND)
    monkeypatch.setattr("sys.stdin", io.StringIO(SEND))
    assert load_scenario("-") == example(SEND)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(ScenarioError, match="byte 8"):
        load_scenario(str(path))


def test_a_missing_file_is_an_os_error():
    with pytest.raises(FileNotFoundError):
        load_scenario("/nonexistent/a.toml")
