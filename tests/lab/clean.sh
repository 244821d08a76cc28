# shellcheck shell=bash
# Taking a lab away, also one that was left half made.

# Processes that carry this lab's mark: `lab up`, what it started, systemd-nspawn. Not this command itself.
# The list is taken before anything is forked, so that no helper of this function is in it.
marked_processes() {
    local list=(/proc/[0-9]*/environ) found f pid
    found=$(grep -lzxF "$MARK=$LAB:$BASE" "${list[@]}" 2>/dev/null || true)
    for f in $found; do
        pid=${f#/proc/}
        pid=${pid%/environ}
        if [[ $pid != "$$" && $pid != "$BASHPID" && $pid != "$PPID" ]]; then echo "$pid"; fi
    done
}

# What there is of this lab, one thing on a line; fails when there is nothing.
leftovers() {
    local found=1 pid root name
    for pid in $(marked_processes); do echo "process $pid"; found=0; done
    if [[ -n $(mounts_below "$STATE") ]]; then mounts_below "$STATE" | sed 's/^/mount /'; found=0; fi
    if ip -o link show | grep -oE ": (v[bsr]-lab$LAB-[a-z0-9]+|$BRIDGE)[@:]" | tr -d ':@' | sed 's/^/link/'; then found=0; fi
    if nft list table ip "$TABLE" >/dev/null 2>&1; then echo "nft table $TABLE"; found=0; fi
    for root in $(cgroup_roots); do if [[ -d $root/comuni-lab$LAB ]]; then echo "cgroup $root/comuni-lab$LAB"; found=0; fi; done
    if [[ -d $STATE ]]; then echo "folder $STATE"; found=0; fi
    return "$found"
}

clean_lab() {
    local name pid
    rm -f "$STATE/complete"
    stop_up
    # The power goes off everywhere at once, then each host is looked after.
    for name in $(known_hosts); do
        if pid=$(init_pid "$name"); then kill -KILL "$pid" 2>/dev/null || true; fi
    done
    for name in $(known_hosts); do kill_host "$name"; done
    for pid in $(marked_processes); do kill -KILL "$pid" 2>/dev/null || true; wait_gone "$pid" || true; done
    if [[ $RUN_BY_SYSTEMD == yes ]]; then systemctl --quiet stop "comunilab$LAB.slice" 2>/dev/null || true; fi
    empty_cgroup .
    keep_packages
    unmount_below "$STATE"
    remove_network
    rm -rf --one-file-system "$STATE"
    with_shared_lock put_settings_back          # now that this lab does not count
    rm -rf /run/systemd/nspawn/propagate/lab"$LAB"-*
}

# One that nobody makes now: the lock says so.
remove_half_made_image() {
    local part
    (
        flock -n 8 || exit 0
        for part in "$BASE"/root-*.part*; do
            if [[ -d $part ]]; then unmount_below "$part"; rm -rf --one-file-system "$part"; fi
        done
    ) 8>"$BASE/image.lock"
}

# What a host downloaded is in the pool for the next lab.
keep_packages() {
    local d
    for d in "$STATE"/hosts/*/upper/var/cache/apt/archives; do
        if [[ -d $d && -d $POOL ]]; then find "$d" -maxdepth 1 -name '*.deb' -type f -exec mv -n -t "$POOL" {} + || true; fi
    done
}

down() {
    if ((EUID != 0)); then die 69 "the lab needs root"; fi
    stop_up
    lock_lab 60
    remove_half_made_image
    if ! leftovers >/dev/null; then with_shared_lock put_settings_back; say "lab $LAB is not up: nothing to do"; return; fi
    clean_lab
    if leftovers >&2; then die 1 "the above is left of lab $LAB"; fi
    say "lab $LAB is down"
}

# An `up` that is under way, or what a killed one left running, holds the lock: it ends first.
stop_up() {
    local pid rounds found
    for ((rounds = 0; rounds < 20; rounds++)); do       # a process may have started another meanwhile
        found=no
        for pid in $(marked_processes); do
            if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == systemd-nspawn ]]; then continue; fi      # its init goes first
            found=yes
            kill -KILL "$pid" 2>/dev/null || true
            wait_gone "$pid" || warn "process $pid does not end"
        done
        if [[ $found == no ]]; then return; fi
    done
}

purge() {
    local d
    down
    for d in "$BASE"/[0-9]/; do if [[ -d $d ]]; then die 1 "lab $(basename "$d") uses the image: COMUNI_LAB=$(basename "$d") lab down"; fi; done
    unmount_below "$BASE"
    rm -rf --one-file-system "$BASE"
    say "the image and the pool are removed"
}
