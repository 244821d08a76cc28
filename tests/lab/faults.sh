# shellcheck shell=bash
# What can happen to a host: cut off, slowed, its disk full. Each has its opposite. (Loss of power is in host.sh.)

is_cut() { [[ ! $(cat "/sys/class/net/$(veth_of "$1")/flags" 2>/dev/null) =~ [13579bdf]$ ]]; }

cut_host() { ip link set "$(veth_of "$1")" down; say "$1 is cut off"; }

join_host() {
    ip link set "$(veth_of "$1")" up
    say "$1 is back on the network"
}

# Every packet to the host waits MS milliseconds, so a round trip is longer by that. Where the kernel has no netem, the
# host's cable is taken out of the bridge and a small process carries its packets.
slow_host() {
    local name=$1 ms=${2:-} veth
    if [[ ! $ms =~ ^[0-9]+$ ]] || ((ms < 1 || ms > 60000)); then die 64 "slow HOST MS: milliseconds, 1 to 60000"; fi
    veth=$(veth_of "$name")
    end_slow "$name"
    if tc qdisc replace dev "$veth" root netem delay "${ms}ms" limit 10000 2>/dev/null; then
        say "$name is slow: $ms ms (netem)"
        return
    fi
    command -v python3 >/dev/null || die 69 "this kernel has no netem (CONFIG_NET_SCH_NETEM); without it, slow needs python3"
    start_carrier "$name" "$ms"
    say "$name is slow: $ms ms (carried by process $(recorded_process "$(dir_of "$name")/slow.pid"): this kernel has no netem)"
}

start_carrier() {
    local name=$1 ms=$2 dir link veth near far
    dir=$(dir_of "$name")
    veth=$(veth_of "$name")
    near=vs-lab$LAB-$name       # a port of the bridge
    far=vr-lab$LAB-$name        # its other end, which the carrier reads
    ip link add "$near" type veth peer name "$far"
    for link in "$near" "$far" "$veth"; do
        echo 1 >"/proc/sys/net/ipv6/conf/$link/disable_ipv6" 2>/dev/null || true
        ip link set "$link" arp off                 # this machine itself must not answer there
    done
    ip link set "$veth" nomaster
    ip link set "$near" master "$BRIDGE"
    ip link set "$near" up
    ip link set "$far" up
    detached env "$MARK=$LAB:$BASE" python3 "$HERE/carrier.py" "$veth" "$far" "$ms" </dev/null >"$dir/slow.log" 2>&1 &
    record_process "$dir/slow.pid" $!
    sleep 0.3
    recorded_process "$dir/slow.pid" >/dev/null || { cat "$dir/slow.log" >&2; end_slow "$name"; die 1 "the carrier of $name ended"; }
}

fast_host() { end_slow "$1"; say "$1 is as fast as before"; }

end_slow() {
    local name=$1 dir veth pid
    dir=$(dir_of "$name")
    veth=$(veth_of "$name")
    tc qdisc delete dev "$veth" root 2>/dev/null || true
    if pid=$(recorded_process "$dir/slow.pid"); then kill -KILL "$pid" 2>/dev/null || true; wait_gone "$pid" || true; fi
    rm -f "$dir/slow.pid"
    if ip link show "vs-lab$LAB-$name" >/dev/null 2>&1; then
        ip link delete "vs-lab$LAB-$name"
        if ip link show "$veth" >/dev/null 2>&1; then ip link set "$veth" arp on; ip link set "$veth" master "$BRIDGE"; fi
    fi
}

in_host() {
    local pid
    pid=$(init_pid "$1")
    shift
    nsenter --target "$pid" --mount --pid --root --wd -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C "$@"
}

need_folder() {
    [[ ${2:-} == /?* ]] || die 64 "an absolute folder of the host is missing"
    in_host "$1" test -d "$2" || die 64 "$1 has no folder $2"
}

# A tmpfs over the folder, with what the folder holds and MIB MiB of room. Services that run see it at once.
fill_host() {
    local name=$1 path=${2:-} mib=${3:-} used
    need_folder "$name" "$path"
    path=$(in_host "$name" readlink -f "$path")
    if [[ ! $mib =~ ^[0-9]+$ ]]; then die 64 "fill HOST PATH MIB: how many MiB of room are left"; fi
    if in_host "$name" mountpoint -q "$path"; then die 1 "$path is a mount already; unfill it first"; fi
    used=$(in_host "$name" du -sk --apparent-size "$path" | cut -f1)
    used=$((used + 4 * $(in_host "$name" find "$path" | wc -l)))        # a file of a tmpfs is whole pages
    # shellcheck disable=SC2016  # for the host's shell
    in_host "$name" sh -eu -c '
        near=$(mktemp -d /run/lab-fill.XXXXXX)
        mount -t tmpfs -o "size=$2k,mode=$(stat -c %a "$1")" lab-fill "$near"
        chown --reference="$1" "$near"
        cp -a "$1/." "$near/"
        room=$(df -k --output=avail "$near" | tail -n 1)
        mount -o "remount,size=$(( $2 - room + $3 ))k" "$near"
        mount --move "$near" "$1" 2>/dev/null || { mount --bind "$near" "$1" && umount "$near"; }
        rmdir "$near"
    ' sh "$path" $((used * 2 + 4096)) $((mib * 1024)) || die 1 "could not fill $path of $name"
    in_host "$name" df -k --output=avail "$path" | tail -n 1 | awk -v h="$name" -v p="$path" '{ printf "%s has %d KiB of room in %s\n", h, $1, p }' |
        while read -r line; do say "$line"; done
}

# The room is back, and what is in the folder now is on the disk.
unfill_host() {
    local name=$1 path=${2:-} root
    need_folder "$name" "$path"
    path=$(in_host "$name" readlink -f "$path")
    if [[ $(in_host "$name" findmnt -n -o SOURCE "$path" | tail -n 1) != lab-fill* ]]; then die 1 "$path of $name is not filled"; fi
    root=$(dir_of "$name")/root                 # the same disk, seen without the tmpfs
    find "$root$path" -mindepth 1 -delete
    in_host "$name" tar -C "$path" --acls --xattrs -cf - . | chroot "$root" tar -C "$path" --acls --xattrs -xpf -
    in_host "$name" umount "$path" 2>/dev/null || { in_host "$name" umount -l "$path"; say "processes still hold files of the former $path: restart them"; }
    say "$name has room in $path again"
}
