"""Read what ``[guest]`` says of a memory image that the guest is."""

from __future__ import annotations

from xenexplore.errors import MachineError
from xenexplore.guest.image_source import IMAGE_MODES, MOST_SPARE_PAGES, ImageSource
from xenexplore.guest.spec import MAX_VCPUS
from xenexplore.scenario.text.fields import Fields
from xenexplore.scenario.text.vocabulary import ABSENT_BESIDE_IMAGE, IMAGE_KEYS, default_of

__all__ = ["read_image"]


def read_image(fields: Fields, folder: str = "") -> ImageSource | None:
    """The image of a guest, or None where it is built.

    Args:
        fields: the table ``[guest]``.
        folder: where a relative file name begins.
    """
    if "image" not in fields:
        for key in IMAGE_KEYS:
            if key in fields:
                fields.fail(key, expected="image = FILE with it", got="no image")
        return None
    for key in ABSENT_BESIDE_IMAGE:
        if key in fields:
            fields.fail(
                key, expected="no such field beside image", got=repr(fields.raw(key)),
                hint="the image has its own",
            )  # fmt: skip
    cr3 = fields.physical("cr3")
    try:
        return ImageSource(
            file=fields.word("image"),
            folder=folder,
            cr3=None if cr3 is None else cr3.value,
            first_vcpu=fields.number(
                "first_vcpu", default_of(ImageSource, "first_vcpu"), high=MAX_VCPUS * 64
            ),
            registers=fields.optional_word("registers"),
            raw=fields.flag("raw", default_of(ImageSource, "raw")),
            mode=fields.word("mode", words=IMAGE_MODES) if "mode" in fields else None,
            c_bit=fields.optional_number("c_bit", low=32, high=51),
            pkru=fields.optional_number("pkru", high=(1 << 32) - 1),
            maxphyaddr=fields.optional_number("maxphyaddr", low=32, high=52),
            directmap=fields.address("directmap"),
            spare=fields.address("spare"),
            spare_pages=fields.number(
                "spare_pages", default_of(ImageSource, "spare_pages"), high=MOST_SPARE_PAGES
            ),
        )
    except MachineError as error:
        fields.fail("image", expected="an image that can be a guest", got=str(error))
