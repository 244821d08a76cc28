# shellcheck shell=bash
# This machine: what it must have, and the bridge, the rule and the switch that a lab puts into it.

# All that is missing is told before anything is changed.
check_machine() {
    local missing=() tool package packages=()
    if ((EUID != 0)); then die 69 "the lab needs root, because it mounts, bridges and boots: run it with sudo"; fi
    if [[ $(uname -s) != Linux ]]; then die 69 "the lab needs Linux"; fi
    if ! grep -qw overlay /proc/filesystems && ! modprobe -q overlay 2>/dev/null; then
        die 69 "this kernel has no overlayfs (CONFIG_OVERLAY_FS): use one that has, as Debian's own"
    fi
    if [[ $(stat -f -c %T "$(existing_parent "$BASE")") =~ ^overlay ]]; then
        die 69 "$BASE is on an overlay itself: set COMUNI_LAB_STATE to a folder on ext4, xfs or btrfs"
    fi
    if [[ ! -d /sys/fs/cgroup/systemd && ! -e /sys/fs/cgroup/cgroup.controllers && ! -d /sys/fs/cgroup/unified ]]; then
        die 69 "no cgroups are mounted: mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    fi
    while read -r tool package; do
        if ! PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null; then missing+=("$tool"); packages+=("$package"); fi
    done <<'TOOLS'
mmdebstrap mmdebstrap
systemd-nspawn systemd-container
nft nftables
ip iproute2
ssh openssh-client
nsenter util-linux
TOOLS
    if ((${#missing[@]} == 0)); then return; fi
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        die 69 "missing: ${missing[*]}. Install what Debian calls ${packages[*]} and try again; this machine has no apt-get"
    fi
    install_tools "${packages[@]}"
}

existing_parent() { local d=$1; until [[ -d $d ]]; do d=$(dirname "$d"); done; echo "$d"; }

apt_knows() { [[ $(LC_ALL=C apt-cache policy "$1" 2>/dev/null) =~ Candidate:\ [^\(] ]]; }

install_tools() {
    local log p known=yes
    for p in "$@"; do apt_knows "$p" || known=no; done
    if [[ $known == no ]]; then
        say "apt-get update, because apt does not know $*"
        apt-get -q update >/dev/null 2>&1 </dev/null || true
    fi
    for p in "$@"; do
        if ! apt_knows "$p"; then
            die 69 "missing: $p, and apt has no such package: add a Debian 12 source to /etc/apt/sources.list.d and apt-get update"
        fi
    done
    say "installs on this machine: $*"
    log=$(mktemp)
    if ! DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@" >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die 69 "apt-get install $* failed"
    fi
    rm -f "$log"
}

# A resolv.conf whose servers a host can reach: not the stub that listens on this machine's loopback.
resolv_conf() {
    if grep -qE '^nameserver[[:space:]]+127\.' /etc/resolv.conf && [[ -s /run/systemd/resolve/resolv.conf ]]; then
        echo /run/systemd/resolve/resolv.conf
    else
        echo /etc/resolv.conf
    fi
}

# The way out may carry smaller packets than a bridge does; hosts are told its size.
mtu_out() {
    local device
    device=$(ip -4 route show default | grep -oP 'dev \K\S+' | head -n 1)
    awk '{ print ($1 > 1500 || $1 < 576) ? 1500 : $1 }' "/sys/class/net/${device:-lo}/mtu"
}

make_network() {
    if [[ $(ip -o -4 address show | grep -v " $BRIDGE ") == *"inet $SUBNET."* ]]; then
        die 69 "$SUBNET.0/24 is in use on this machine: choose another lab with COMUNI_LAB=1 … 9"
    fi
    if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
        ip link add "$BRIDGE" type bridge stp_state 0 forward_delay 0
        ip address add "$SUBNET.1/24" dev "$BRIDGE"
    fi
    ip link set "$BRIDGE" up
    nft -f - <<NFT
table ip $TABLE
delete table ip $TABLE
table ip $TABLE {
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr $SUBNET.0/24 oifname != "$BRIDGE" masquerade
    }
}
NFT
    with_shared_lock raise_settings
}

remove_network() {
    local link
    if nft list table ip "$TABLE" >/dev/null 2>&1; then nft delete table ip "$TABLE"; fi
    for link in $(ip -o link show | grep -oE ": (v[bsr]-lab$LAB-[a-z0-9]+|$BRIDGE)[@:]" | tr -d ':@ '); do
        ip link delete "$link" 2>/dev/null || true
    done
}

# Settings of the kernel that a lab raises. Each systemd takes some five inotify instances and all hosts share root's, of which
# there are 128; the hosts' users of one number share their keyrings too.
kernel_settings() {
    cat <<'SETTINGS'
net/ipv4/ip_forward 1
fs/inotify/max_user_instances 4096
kernel/keys/maxkeys 4000
SETTINGS
}

# The first lab notes what the settings were, the last one puts them back.
raise_settings() {
    local path want note
    mkdir -p "$BASE/before"
    while read -r path want; do
        note=$BASE/before/${path##*/}
        if [[ ! -w /proc/sys/$path ]] || (($(cat "/proc/sys/$path") >= want)); then continue; fi
        if [[ ! -s $note ]]; then cat "/proc/sys/$path" >"$note.part"; mv "$note.part" "$note"; fi
        echo "$want" >"/proc/sys/$path"
    done < <(kernel_settings)
}

put_settings_back() {
    local d path
    for d in "$BASE"/[0-9]/; do
        if [[ -d $d && $d != "$STATE/" ]]; then return; fi
    done
    while read -r path _; do
        if [[ -s $BASE/before/${path##*/} ]]; then cat "$BASE/before/${path##*/}" >"/proc/sys/$path"; fi
    done < <(kernel_settings)
    rm -rf "$BASE/before"
}
