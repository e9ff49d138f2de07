"""A step in few words: a label, what it is about, and how it went."""

from __future__ import annotations

from xenexplore import steps as s
from xenexplore.memory.p2m import P2M_SIZES
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.drawing_rules import StepLabel, draws, rule_of

__all__ = ["bracket_label", "row_columns", "shape_of", "short_label", "step_label"]

_REGISTERS = ("rdi", "rsi", "rdx", "r10", "r8")
_PURPOSES = {s.Purpose.WALK_END: "by the walk", s.Purpose.BUFFER: "by the copy"}
_COPIES = {s.Direction.FROM: "copy in", s.Direction.TO: "copy out", s.Direction.CLEAR: "clear"}
_PURGED = {
    s.PurgeScope.ALL: "every entry",
    s.PurgeScope.SPACE: "entries that are not global",
    s.PurgeScope.RANGE: "",
}


def step_label(step: s.Step) -> StepLabel:
    """A step in few words."""
    return rule_of(type(step)).label(step)


def shape_of(kind: type[s.Step]) -> str:
    """The shape of a kind of step, so that colour is never alone."""
    return rule_of(kind).shape


def short_label(step: s.Step) -> str:
    """A step in a word or two, in lower case."""
    rule = rule_of(type(step))
    return rule.short(step) if rule.short is not None else rule.label(step).label.lower()


def bracket_label(step: s.Step) -> str:
    """Label over the steps inside a step on a line of time."""
    words = step_label(step)
    if isinstance(step, s.Action):
        return words.main
    return f"{words.label} {words.side or words.main}"


def row_columns(step: s.Step, words: StepLabel) -> tuple[str, str, str]:
    """A row that ends with a step, in columns: what it is about, how it went, what may go.

    An entry's flags stand apart from its bits; a miss is quiet here, since its row has a colour.
    """
    parts = [part for part in words.main.split("  ") if part]
    side = words.side.lower() if words.tone == "miss" else words.side
    if isinstance(step, s.PteRead) and len(parts) > 2:
        side = parts.pop()
    return "   ".join(parts), side, words.aside.replace("p2m ", "P2M ")


def _sentence(text: str) -> str:
    return spell.regroup(text.removesuffix("."))


@draws(s.Action, "square", short=lambda step: step.name.split("-")[0])
def _action(step: s.Action) -> StepLabel:
    return StepLabel(label="action", main=_sentence(step.detail))


@draws(s.Phase, "small")
def _phase(step: s.Phase) -> StepLabel:
    return StepLabel(label=step.name, main=_sentence(step.detail), tone="quiet")


@draws(s.Hypercall, "square", short=lambda step: step.name.replace(".", " ").split(" ")[-1])
def _hypercall(step: s.Hypercall) -> StepLabel:
    registers = [f"rax {step.number:x}"]
    registers += [
        f"{name} {spell.handle(value) if value > 0xFFFF else f'{value:x}'}"
        for name, value in zip(_REGISTERS, step.args, strict=False)
    ]
    return StepLabel(
        label="call",
        main=step.name,
        side=f"continuation {step.leg}" if step.leg else "",
        more=("  ".join(registers),),
    )


@draws(s.Exit, "arrow")
def _exit(step: s.Exit) -> StepLabel:
    return StepLabel(label="exit", main=f"vCPU {step.vcpu}, {step.instruction}", tone="quiet")


@draws(s.Copy, "pill")
def _copy(step: s.Copy) -> StepLabel:
    label = _COPIES[step.direction]
    more: tuple[str, ...] = ()
    if step.subject != step.current:
        more = (f"for vCPU {step.subject}, while vCPU {step.current} is current",)
    return StepLabel(
        label=label,
        main=f"{spell.handle(step.handle)}  {spell.size(step.size)}",
        side=step.role,
        more=more,
    )


@draws(s.Piece, "small")
def _piece(step: s.Piece) -> StepLabel:
    return StepLabel(label="piece", main=f"{spell.handle(step.handle)}  {spell.size(step.size)}")


def _owner(vcpu: int, shared: bool) -> str:
    return "TLB dom" if shared else f"TLB v{vcpu}"


@draws(s.TlbLookup, "down", short=lambda step: "TLB dom" if step.shared else f"TLB {step.asked}")
def _lookup(step: s.TlbLookup) -> StepLabel:
    more: tuple[str, ...] = ()
    if step.asked != step.subject:
        more = (f"the access is for vCPU {step.subject}",)
    label = _owner(step.asked, step.shared)
    compares = f"{step.compares} compare{'' if step.compares == 1 else 's'}"
    asked = f"{spell.linear(step.va.value)}  {spell.size(step.size)}"
    if step.slot is None:
        return StepLabel(
            label=label, main=asked, side="MISS", aside=compares, more=more, tone="miss"
        )
    name = f" {step.label}" if step.label else ""
    found = f"[{step.slot}]{name}"
    if step.gpa is None:
        text = f"{found} holds only {step.covered} of the {step.size} bytes"
        return StepLabel(label=label, main=asked, side="MISS", more=(text, *more), tone="miss")
    part = "" if step.covered == step.size else f", first {spell.size(step.covered)}"
    return StepLabel(
        label=label,
        main=f"{found} -> gpa {spell.physical(step.gpa.value)}{part}",
        side="HIT",
        aside=compares,
        more=more,
        tone="good",
    )


@draws(s.TlbInsert, "down", short=lambda _: "register")
def _insert(step: s.TlbInsert) -> StepLabel:
    slot = "" if step.slot is None else f"[{step.slot}] "
    ends = f"{spell.span(step.size)} -> {spell.physical(step.pa.value)}"
    main = f"{slot}{spell.linear(step.va.value)} {ends}"
    more = [] if step.is_global else ["not global: another CR3 may map it differently"]
    if step.replaced:
        more.append("replaces " + ", ".join(map(_slot, step.replaced)))
    side = step.label
    if step.result:
        side = f"REFUSED {spell.errno_name(step.result)}"
        more.append(step.reason)
    return StepLabel(
        label="reg dom" if step.shared else f"reg v{step.vcpu}",
        main=main,
        side=side,
        more=tuple(more),
        tone="bad" if step.result else "good",
    )


def _slot(slot: s.TlbSlot) -> str:
    return f"[{slot.slot}] {slot.label}".rstrip()


@draws(s.TlbPurge, "down", short=lambda _: "purge")
def _purge(step: s.TlbPurge) -> StepLabel:
    what = _PURGED[step.scope]
    if step.va is not None and step.size is not None:
        what = f"{spell.linear(step.va.value)} {spell.span(step.size)}"
    gone = ", ".join(map(_slot, step.removed))
    side = f"removes {gone or 'nothing'}"
    if step.result:
        side = f"REFUSED {spell.errno_name(step.result)}"
    return StepLabel(
        label="purge dom" if step.shared else f"purge v{step.vcpu}",
        main=what,
        side=side,
        more=(step.reason,) if step.result else (),
        tone="bad" if step.result else "plain",
    )


def _cache(kind: s.WalkCacheKind, vcpu: int) -> str:
    return f"{'vTLB' if kind is s.WalkCacheKind.VTLB else 'cache'} v{vcpu}"


@draws(s.WalkCacheLookup, "down", short=lambda step: _cache(step.cache, step.vcpu))
def _cache_lookup(step: s.WalkCacheLookup) -> StepLabel:
    asked = f"[{step.slot}] {spell.linear(step.va.value)} {'write' if step.write else 'read'}"
    label = _cache(step.cache, step.vcpu)
    if step.gfn is not None:
        return StepLabel(
            label=label, main=asked, side=f"hit, gfn {spell.frame(step.gfn.value)}", tone="good"
        )
    more: tuple[str, ...] = ()
    if step.held is not None:
        reads = step.held == step.va - step.va.offset
        more = ("holds a read's walk" if reads else f"holds {spell.linear(step.held.value)}",)
    return StepLabel(label=label, main=asked, side="MISS", more=more, tone="miss")


@draws(s.WalkCacheInsert, "down", short=lambda _: "keep")
def _cache_insert(step: s.WalkCacheInsert) -> StepLabel:
    main = f"[{step.slot}] {spell.linear(step.page.value)} -> gfn {spell.frame(step.gfn.value)}"
    gone = step.replaced
    more = () if gone is None else (f"replaces {spell.linear(gone.value)}",)
    return StepLabel(
        label="keep", main=main, side="read, write" if step.write else "read", more=more
    )


@draws(s.WalkCacheFlush, "down", short=lambda _: "flush")
def _cache_flush(step: s.WalkCacheFlush) -> StepLabel:
    gone = s.counted(len(step.removed), "walk")
    main = f"{gone} of {_cache(step.cache, step.vcpu)}"
    return StepLabel(label="flush", main=main, side=step.cause)


@draws(s.PteRead, "circle", short=lambda step: f"L{step.level}")
def _pte(step: s.PteRead) -> StepLabel:
    return StepLabel(
        label=f"L{step.level} [{step.index:3}]",
        main=f"{spell.physical(step.entry_at.value)}  {spell.entry(step.entry)}  {step.flags}",
    )


@draws(s.PteUpdate, "dot", short=lambda _: "A/D")
def _update(step: s.PteUpdate) -> StepLabel:
    bits = step.before ^ step.after
    names = " and ".join(name for name, bit in (("A", 0x20), ("D", 0x40)) if bits & bit)
    at = spell.physical(step.entry_at.value)
    return StepLabel(label="set", main=f"{names or 'bits'} in the L{step.level} entry at {at}")


@draws(s.P2mLookup, "diamond", short=lambda _: "P2M")
def _p2m(step: s.P2mLookup) -> StepLabel:
    to = "nothing" if step.mfn is None else f"mfn {spell.frame(step.mfn.value)}"
    return StepLabel(
        label="P2M",
        main=f"gfn {spell.frame(step.gfn.value)} -> {to}",
        side=f"{step.p2m_type} {P2M_SIZES.get(step.order, '')}".rstrip(),
        aside=_PURPOSES.get(step.purpose, step.why),
        tone="bad" if step.mfn is None else "plain",
    )


@draws(s.Check, "dot")
def _check(step: s.Check) -> StepLabel:
    verdict = "passes" if step.passed else "FAILS"
    return StepLabel(
        label="check",
        main=step.name,
        side=f"{verdict} ({spell.regroup(step.detail)})" if step.detail else verdict,
        tone="plain" if step.passed else "bad",
    )


@draws(s.Fault, "cross")
def _fault(step: s.Fault) -> StepLabel:
    level = f" at L{step.level}" if step.level else ""
    code = f"error code {step.error_code:#x}" if step.error_code is not None else ""
    return StepLabel(
        label="FAULT", main=f"{step.what}{level}: {step.reason}", side=code, tone="bad"
    )


@draws(s.Flip, "half")
def _flip(step: s.Flip) -> StepLabel:
    to = "shared with Xen" if step.shared else "private again"
    return StepLabel(label="flip", main=f"gfn {spell.frame(step.gfn.value)}", side=to)


@draws(s.GuestTranslate, "house")
def _translate(step: s.GuestTranslate) -> StepLabel:
    to = "nothing" if step.gpa is None else f"gpa {spell.physical(step.gpa.value)}"
    return StepLabel(label="va to pa", main=f"{spell.linear(step.va.value)} -> {to}", side=step.how)


@draws(s.GuestCopy, "house")
def _guest_copy(step: s.GuestCopy) -> StepLabel:
    way = "bounce" if step.inbound else "unbounce"
    source, target = spell.linear(step.source.value), spell.linear(step.target.value)
    return StepLabel(label=way, main=f"{source} -> {target}", side=spell.size(step.size))


@draws(s.GuestWrite, "house")
def _guest_write(step: s.GuestWrite) -> StepLabel:
    at = f"gpa {spell.physical(step.gpa.value)}  {spell.size(step.size)}"
    return StepLabel(label="write", main=at, side=step.what)


@draws(s.CopyFailed, "cross")
def _failed(step: s.CopyFailed) -> StepLabel:
    return StepLabel(
        label="FAILED",
        main=f"{spell.size(step.reported)} reported uncopied",
        side=f"{step.moved} moved",
        tone="bad",
    )


@draws(s.ListRead, "bar", short=lambda _: "list")
def _list(step: s.ListRead) -> StepLabel:
    value = spell.physical(step.value) if step.meaning is s.ListWord.ADDRESS else f"{step.value:x}"
    return StepLabel(
        label=f"list[{step.element}]",
        main=f"at gpa {spell.physical(step.gpa.value)}: {step.meaning} {value}",
    )


@draws(s.Move, "pill")
def _move(step: s.Move) -> StepLabel:
    arrow = "->" if step.direction.writes else "<-"
    main = f"{spell.size(step.size)} {arrow} gpa {spell.physical(step.gpa.value)}"
    aside = "" if step.mfn is None else f"mfn {spell.frame(step.mfn.value)}"
    if step.meant != step.gpa:
        wanted = step.meant
        meant = "nothing mapped" if wanted is None else f"gpa {spell.physical(wanted.value)}"
        more = (f"the caller meant {meant}",)
        return StepLabel(label="bytes", main=main, side="WRONG", aside=aside, more=more, tone="bad")
    if step.spoilt:
        return StepLabel(
            label="bytes", main=main, side=step.spoilt.upper(), aside=aside, tone="bad"
        )
    return StepLabel(label="bytes", main=main, side="right", aside=aside, tone="good")


@draws(s.UncheckedAccess, "up", short=lambda _: "unchk.")
def _unchecked(step: s.UncheckedAccess) -> StepLabel:
    verb = "written" if step.write else "read"
    if step.would_fail:
        main = f"{verb}; today's walk would fail: {step.would_fail}"
        return StepLabel(label="UNCHECKED", main=main, tone="bad")
    side = f"{step.flags_not_set} not set" if step.flags_not_set else ""
    return StepLabel(
        label="unchecked", main=f"{verb} without today's checks", side=side, tone="quiet"
    )


@draws(s.Hazard, "up")
def _hazard(step: s.Hazard) -> StepLabel:
    return StepLabel(label="HAZARD", main=_sentence(f"{step.name}: {step.detail}"), tone="bad")


@draws(s.Refusal, "cross")
def _refusal(step: s.Refusal) -> StepLabel:
    return StepLabel(label="REFUSED", main=_sentence(step.reason), tone="bad")


@draws(s.RegisterPass, "bar")
def _registers(step: s.RegisterPass) -> StepLabel:
    label = "store" if step.direction.writes else "load"
    main = f"{' '.join(step.registers)}  {spell.size(step.size)}"
    return StepLabel(label=label, main=main, side=step.role)


@draws(s.Return, "square")
def _return(step: s.Return) -> StepLabel:
    name = f" (-{step.name})" if step.name else ""
    what = step.what or ("" if step.value else "success")
    main = f"{step.value}{name}{f', {what}' if what else ''}"
    return StepLabel(label="return", main=main, tone="bad" if step.value < 0 else "plain")


@draws(s.Note, "dot")
def _note(step: s.Note) -> StepLabel:
    return StepLabel(label="note", main=spell.regroup(step.text), tone="quiet")
