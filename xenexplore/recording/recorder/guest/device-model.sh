#!/bin/sh
# In place of QEMU, as libxl calls it for an HVM domU: a stand-in that has no device.
export PATH=/bin LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu
id=
while [ $# -gt 0 ]; do
    if [ "$1" = -xen-domid ]; then id=$2; fi
    shift
done
[ -n "$id" ] || exit 0
/stand-in /var/run/xen/qmp-libxl-$id &
sleep 1
xenstore-write /local/domain/0/device-model/$id/state running
while :; do sleep 1000; done
