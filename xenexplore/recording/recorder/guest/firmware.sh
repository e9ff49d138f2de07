# Run by dom0's init: an HVM domU with its firmware, which finds no disk.
xl info | grep -E 'release|nr_cpus|xen_version|virt_caps'
cat > /etc/xen/domu.cfg <<EOF
name="d1"
type="hvm"
memory=64
vcpus=1
firmware_override="/boot/hvmloader"
bios="seabios"
bios_path_override="/boot/bios.bin"
device_model_override="/device-model.sh"
device_model_version="qemu-xen"
vga="none"
vnc=0
sdl=0
nographic=1
usb=0
EOF
mark create
if timeout 300 xl create /etc/xen/domu.cfg; then
    mark created
    xl list
    i=0
    # What SeaBIOS says goes to Xen's console.
    while ! xl dmesg | grep -q "No bootable device"; do
        if [ $i -ge 60 ]; then
            fault "the firmware did not come to its end"
            break
        fi
        sleep 2
        i=$((i+1))
    done
    mark domu-done
else
    fault "xl create: exit status $?"
fi
