#!/bin/sh
# The guest's first process: the least that makes a Linux one can work in, then the agent for ever.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin:/usr/games HOME=/root TERM=dumb

/bin/busybox --install -s
# What a layer of the image took away from those below it; all of them are unpacked by now.
[ ! -s /lib/snapyard/removed ] || (cd / && xargs -0 rm -rf -- < /lib/snapyard/removed)
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
# Also where a command that writes without end finds its end.
mount -t tmpfs -o size=8m,mode=0755 run /run
mount -t tmpfs -o size=50%,mode=1777 tmp /tmp
mkdir -p /run/snapyard /var/lib/snapyard/turns

load() {
  for module; do insmod "/lib/modules/$module.ko"; done
}
ip link set lo up
echo golden > /proc/sys/kernel/hostname

# Where the host reaches a guest by vsock it says so; elsewhere it is by a port of a serial device.
read -r arguments < /proc/cmdline
case " $arguments " in
  *" snapyard.vsock="*)
    load @VSOCK_MODULES@
    cd /root
    # One connection after the other: each gets an agent of its own, which ends with it.
    while :; do
      /lib/snapyard/vsock /lib/snapyard/agent -
      sleep 0.01
    done
    ;;
esac

load @SERIAL_MODULES@

# The serial line is a way in for whoever holds the guest: Enter starts a shell there. Until then
# nothing but a read waits, which costs a boot nothing and leaves no program in a snapshot. The end
# of a shell hangs its line up, so that each gets it opened anew; a login undoes that what is
# started in the background is deaf to Control-C.
serial_line() {
  export TERM=xterm-256color PS1='\h:\w\$ '
  while :; do
    {
      echo 'Press Enter for a shell.'
      read -r _ && setsid -c login -p -f root
    } <> /dev/ttyS0 >&0 2>&0
    sleep 0.1
    stty sane < /dev/ttyS0
  done
}
serial_line 2> /dev/null &

# The port appears a moment after its driver.
port=
while [ -z "$port" ]; do
  for candidate in /sys/class/virtio-ports/*; do
    [ -r "$candidate/name" ] || continue
    read -r name < "$candidate/name"
    [ "$name" = snapyard.agent ] && port=/dev/${candidate##*/}
  done
  [ -n "$port" ] || sleep 0.05
done

cd /root
while :; do
  /lib/snapyard/agent "$port"
  sleep 0.05
done
