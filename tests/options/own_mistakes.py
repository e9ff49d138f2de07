"""Designs with one mistake each, as a reader's file has them; a comment marks the line."""

from __future__ import annotations

from dataclasses import dataclass

import xenexplore as xe


def pieces(access):
    return xe.split_pages(xe.Gva(access.handle), access.size)


class Base(xe.Design):
    """It walks; what derives from it has a mistake."""

    def locate(self, xen, access):
        for va, size in pieces(access):
            yield xe.walk_piece(xen, va, size, write=access.writes, vcpu=access.current)


class CrossesAPage(Base):
    def locate(self, xen, access):
        yield xe.Located(xe.Gpa(0x1FFE), 4, checked=False)  # expected a piece within one page: 2 by


class TooMany(Base):
    def locate(self, xen, access):
        yield from super().locate(xen, access)
        yield xe.Located(xe.Gpa(0x2000), 4, checked=False)  # expected at most 0 bytes


class TooFew(Base):
    def locate(self, xen, access):  # expected pieces of 4 bytes in total, got 2 bytes and no fault
        yield xe.Located(xe.Gpa(0x2000), 2, checked=False)


class ForgetsTheFault(Base):
    def locate(self, xen, access):  # yield it too
        for va, size in pieces(access):
            found = xe.walk_piece(xen, va + (1 << 45), size, write=False, vcpu=0)
            if not isinstance(found, xe.Fault):
                yield found


class Twice(Base):
    def locate(self, xen, access):
        for _ in range(2):
            yield xe.Located(xe.Gpa(0x2000), 2, checked=False)  # expected each byte of guest mem


class Nothing(Base):
    def locate(self, xen, access):  # expected pieces, yielded one by one, got None
        xe.walk_piece(xen, xe.Gva(access.handle), 1, write=False, vcpu=0)


class AnAddress(Base):
    def locate(self, xen, access):
        yield xe.Gpa(0x2000)  # expected an xe.Located or an xe.Fault, got Gpa


class ANumber(Base):
    def locate(self, xen, access):
        yield xe.Located(0x2000, 4, checked=False)  # expected xe.Located(gpa: xe.Gpa


class Endless(Base):
    def locate(self, xen, access):
        while True:
            yield xe.Located(xe.Gpa(0x2000), 0, checked=False)  # expected a piece of 1 byte or mo


class WalksForever(Base):
    def locate(self, xen, access):
        while True:
            xe.walk_piece(xen, xe.Gva(access.handle), 1, write=False, vcpu=0)  # does not terminate
        yield


class UnrecordedFault(Base):
    def locate(self, xen, access):
        fault = xe.Fault(cite=self.asked, what=xe.FaultKind.TLB_MISS, reason="none of mine")
        yield fault  # expected a fault that has been recorded


class NoCitation(Base):
    def locate(self, xen, access):
        xen.emit(xe.Note(text="of mine"))  # a step cites the rule behind it


class EmptyCitation(Base):
    def locate(self, xen, access):
        xen.emit(xe.Note(cite=xe.Cite(""), text="of mine"))  # step Note without a citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(xe.Step):
    kind = "test-silent"

    def say(self):
        return ""


class NoWords(Base):
    def locate(self, xen, access):
        xen.emit(Silent(cite=self.asked))  # say() gives '', not a sentence


class Raises(Base):
    def prepare(self, xen, call):
        return helper(call)


def helper(call):
    return call.no_such_thing  # expected a hook that raises no exception, got AttributeError


class OutOfSpace(Base):
    def locate(self, xen, access):
        yield xe.Located(xe.Gpa(-1), 4, checked=False)  # AddressError


class PreparesNothing(Base):
    def prepare(self, xen, call):  # expected the call as it is made, or an xe.Refused, got None
        pass


class NoLocate(xe.Design):  # expected a hook def locate(self, xen, access)
    pass


class OddName(Base):
    name = "Odd One"  # at: class OddName


class WrongArguments(Base):
    def locate(self, xen):  # expected locate(self, xen, access), got locate(self, xen)
        yield


class WrongParameter(Base):
    parameters = (xe.Parameter(name="p", default="a", choices=("b",)),)  # at: class WrongParameter
