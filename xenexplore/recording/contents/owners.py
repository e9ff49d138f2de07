"""Owner of the vmalloc'ed memory of a hypercall's arrays, as far as the call reveals it.

Inferred, not seen: of the drivers of Linux 6.1 to 6.12 that hand vmalloc'ed arrays to
grant_table_op, there is one.  xen-netback allocates ``struct xenvif_queue`` with
vzalloc() (connect() in drivers/net/xen-netback/xenbus.c), and the queue holds
``tx_copy_ops``, ``tx_map_ops``, ``tx_unmap_ops`` and ``rx_copy.op`` (common.h there).
xen-blkback's arrays are on its thread's stack or in kzalloc'ed requests
(drivers/block/xen-blkback/blkback.c), which are in the directmap.  Where it keeps a grant
mapped (persistent grants), the page's address is in an array's content, which is not
recorded; such a page holds a disk's data and never an argument.
"""

from __future__ import annotations

import numpy as np

from xenexplore.recording.contents.call_buffers import BufferRuns
from xenexplore.recording.contents.call_names import call_name, sub_op_name, sub_ops
from xenexplore.recording.format.columns import Recording

__all__ = ["owners"]

_GRANT_TABLE_OP = 20
# map_grant_ref, unmap_grant_ref, copy: what netback does (xen/include/public/grant_table.h).
_NETBACKS = (0, 1, 5)


def owners(recording: Recording, buffers: BufferRuns) -> tuple[tuple[str, int], ...]:
    """Owners of vmalloc'ed buffers that are not on a stack, with counts, highest first.

    Args:
        recording: the recording.
        buffers: some of its buffers, all in vmalloc'ed data.
    """
    calls, xen = recording.calls, recording.release
    number = calls.number[buffers.call]
    found: dict[str, int] = {}
    for one in np.unique(number).tolist():
        rows = buffers.call[number == one]
        values, counts = np.unique(
            sub_ops(one, calls.args[rows], calls.arg_count[rows], xen), return_counts=True
        )
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            name = f"{call_name(one, xen)} {sub_op_name(one, value, xen)}".rstrip()
            if one == _GRANT_TABLE_OP and value in _NETBACKS:
                name = "xen-netback's queue"
            found[name] = found.get(name, 0) + count
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))
