# Run by dom0's init, for a domU and for the user's script.
mkdir -p /run/xen /run/xenstored /var/run/xen /run/lock
touch /etc/xen/xl.conf
xenstored --pid-file /run/xenstored.pid >/dev/null 2>&1
sleep 1
xen-init-dom0
xenconsoled --log=all --pid-file=/run/xenconsoled.pid
mark tools
