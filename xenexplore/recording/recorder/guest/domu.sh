# Run by dom0's init: a domU as the command line asks, and its traffic.
xl info | grep -E 'release|nr_cpus|xen_version|virt_caps'
vcpus=$(sed -n 's/.*record.domu=\([0-9]*\).*/\1/p' /proc/cmdline)
extra=""
cat > /etc/xen/domu.cfg <<EOF
name="d1"
type="pvh"
kernel="/boot/vmlinuz"
ramdisk="/boot/domu.img"
memory=128
vcpus=$vcpus
EOF
if has record.disk; then
    extra="$extra record.disk"
    insmod /lib/modules/loop.ko
    persistent=1
    if has record.nopersistent; then persistent=0; fi
    insmod /lib/modules/xen-blkback.ko feature_persistent=$persistent
    mkdir -p /ram
    mount -t tmpfs -o size=24m t /ram
    dd if=/dev/zero of=/ram/disk bs=64k count=256 2>/dev/null
    losetup /dev/loop0 /ram/disk
    echo 'disk=["phy:/dev/loop0,xvda,w"]' >> /etc/xen/domu.cfg
fi
if has record.net; then
    extra="$extra record.net"
    insmod /lib/modules/xen-netback.ko
    echo 'vif=["mac=00:16:3e:00:00:01,script=vif-bridge"]' >> /etc/xen/domu.cfg
    mkfifo /fifo
    (nc -l -p 5000 < /fifo > /dev/null) &
    exec 9>/fifo
fi
echo "cmdline=\"console=hvc0 root=/dev/ram0$extra\"" >> /etc/xen/domu.cfg
log=/var/log/xen/console/guest-d1.log
wait_for() {
    i=0
    while ! grep -aq "$1" $log 2>/dev/null; do
        if [ $i -ge 300 ] || ! xenstore-read /local/domain/1/name >/dev/null 2>&1; then
            fault "the domU did not come to $1"
            return 1
        fi
        sleep 1
        i=$((i+1))
    done
}
use_domu() {
    if has record.net; then
        wait_for RECORD-DOMU-net || return
        dd if=/dev/zero bs=64k count=32 2>/dev/null | timeout 200 nc 10.0.0.2 5001
    fi
    wait_for RECORD-DOMU-done
}
mark create
if xl create /etc/xen/domu.cfg; then
    mark created
    xl list
    use_domu
    tail -c 1500 $log
    mark domu-done
else
    fault "xl create: exit status $?"
fi
