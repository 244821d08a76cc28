# shellcheck shell=bash
# One host: its disk, its boot, its death.

# The disk is made once: what is already there (after `kill`) stays.
#   hosts/NAME/{upper,work,root}  the overlay and where it is mounted
#   hosts/NAME/{init.pid,keeper.pid,console.log,ssh_host_ed25519_key[.pub]}
make_disk() {
    local name=$1 dir root
    dir=$(dir_of "$name")
    root=$dir/root
    if [[ ! -e $dir/made ]]; then
        mkdir -p "$dir"/{upper,work,root}
        mount_disk "$name"
        settle_host "$name" "$root"
        touch "$dir/made"
    else
        mount_disk "$name"
    fi
    install -m 644 "$(resolv_conf)" "$root/etc/resolv.conf"
}

# Mounted "volatile": a host's fsync costs nothing. The disk stays mounted when a host is killed, so what was written is there
# at its next boot; only a crash of this machine would lose it, and then the lab is made anew.
mount_disk() {
    local dir options
    dir=$(dir_of "$1")
    if [[ -n $(mounts_below "$dir/root") ]]; then return; fi
    options="lowerdir=$STATE/debs:$(cat "$STATE/image"),upperdir=$dir/upper,workdir=$dir/work"
    mount -t overlay "$(machine_of "$1")" -o "$options,volatile" "$dir/root" 2>/dev/null ||
        mount -t overlay "$(machine_of "$1")" -o "$options" "$dir/root"
}

settle_host() {
    local name=$1 root=$2 dir home login
    dir=$(dir_of "$name")
    login=$(login_of "$name")
    echo "$name" >"$root/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n' "$name" >"$root/etc/hosts"
    tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
    mkdir -p "$root/etc/systemd/network"
    cat >"$root/etc/systemd/network/10-lab.network" <<NETWORK
[Match]
Name=host0

[Link]
MTUBytes=$(mtu_out)

[Network]
Address=$(address_of "$name")/24
Gateway=$SUBNET.1
LinkLocalAddressing=no
IPv6AcceptRA=no
NETWORK
    ssh-keygen -q -t ed25519 -N '' -C "root@$name" -f "$dir/ssh_host_ed25519_key"
    install -m 600 "$dir/ssh_host_ed25519_key" "$root/etc/ssh/"
    install -m 644 "$dir/ssh_host_ed25519_key.pub" "$root/etc/ssh/"
    if [[ $login == root ]]; then
        echo 'PermitRootLogin prohibit-password' >"$root/etc/ssh/sshd_config.d/20-lab.conf"
        home=/root
    else
        echo 'PermitRootLogin no' >"$root/etc/ssh/sshd_config.d/20-lab.conf"
        chroot "$root" useradd --create-home --shell /bin/bash "$login"
        echo "$login ALL=(ALL:ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/$login"
        chmod 440 "$root/etc/sudoers.d/$login"
        home=/home/$login
    fi
    chroot "$root" install -d -m 700 -o "$login" -g "$login" "$home/.ssh"
    install -m 600 "$STATE/operator.pub" "$root$home/.ssh/authorized_keys"
    chroot "$root" chown "$login:$login" "$home/.ssh/authorized_keys"
    echo "$(address_of "$name") $(cut -d' ' -f1,2 "$dir/ssh_host_ed25519_key.pub")" >"$dir/known_host"
}

# Starts the process that keeps a host, and returns.
start_host() {
    local name=$1 dir
    dir=$(dir_of "$name")
    rm -f "$dir/init.pid" "$dir/keeper.pid"
    detached env "$MARK=$LAB:$BASE" "$HERE/lab" keep "$name" </dev/null >>"$dir/console.log" 2>&1 &
    record_process "$dir/keeper.pid" $!
}

# Runs systemd-nspawn, and again when the host asks for a reboot: with --keep-unit it leaves that to its caller, by exit 133.
# The console goes to hosts/NAME/console.log.
keep_host() {
    local name=$1 code before=()
    if [[ $RUN_BY_SYSTEMD == yes ]]; then
        before=(systemd-run --quiet --scope --collect --slice="comunilab$LAB.slice" --unit="comuni-lab$LAB-$name" -p Delegate=yes)
    fi
    while true; do
        code=0
        (
            enter_cgroup "$name"
            exec "${before[@]}" systemd-nspawn --quiet --settings=no -D "$(dir_of "$name")/root" -M "$(machine_of "$name")" \
                --hostname="$name" --boot --register=no --keep-unit --network-bridge="$BRIDGE" --link-journal=no \
                --console=read-only --resolv-conf=off --timezone=off --kill-signal=SIGRTMIN+3 --system-call-filter=bpf
        ) || code=$?
        if ((code != 133)); then return "$code"; fi
    done
}

# The host's init; it is another one after a reboot.
init_pid() {
    local dir pid
    dir=$(dir_of "$1")
    if recorded_process "$dir/init.pid"; then return; fi
    pid=$(recorded_process "$dir/keeper.pid") && pid=$(init_of "$pid") && [[ $pid != "" ]] || return 1
    record_process "$dir/init.pid" "$pid" && echo "$pid"
}

# Waits until the host's init is there, and notes it; then until ssh answers with the pinned key.
wait_host() {
    local name=$1 dir tries=300
    dir=$(dir_of "$name")
    until init_pid "$name" >/dev/null; do
        recorded_process "$dir/keeper.pid" >/dev/null ||
            { tail -n 5 "$dir/console.log" >&2; die 1 "systemd-nspawn of $name ended; its console is in $dir/console.log"; }
        if ((tries-- == 0)); then die 1 "$name has no init after 30 s; its console is in $dir/console.log"; fi
        sleep 0.1
    done
    tries=300
    until ssh -F "$STATE/ssh_config" -o ConnectTimeout=2 "$name" true </dev/null >/dev/null 2>"$dir/ssh.log"; do
        running "$name" || die 1 "$name died while it booted; its console is in $dir/console.log"
        if ((tries-- == 0)); then
            cat "$dir/ssh.log" >&2
            die 1 "ssh to $name does not answer; its console is in $dir/console.log"
        fi
        sleep 0.1
    done
}

# The container's first process: the descendant of nspawn that is 1 in its own pid namespace and runs systemd.
init_of() {
    local pid todo=("$1") children
    while ((${#todo[@]})); do
        pid=${todo[0]}
        todo=("${todo[@]:1}")
        if grep -qE '^NSpid:.*[[:space:]]1$' "/proc/$pid/status" 2>/dev/null && [[ $(cat "/proc/$pid/comm" 2>/dev/null) == systemd ]]; then
            echo "$pid"
            return
        fi
        children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null) || continue
        # shellcheck disable=SC2206  # into words
        todo+=($children)
    done
}

# Loss of power: the init is killed, and with its pid namespace every process of the host.
kill_host() {
    local name=$1 dir pid
    dir=$(dir_of "$name")
    if pid=$(init_pid "$name"); then
        kill -KILL "$pid" 2>/dev/null || true
        wait_gone "$pid" || warn "process $pid of $name does not end"
    fi
    if pid=$(recorded_process "$dir/keeper.pid") && ! wait_gone "$pid" 20; then kill -KILL "$pid" 2>/dev/null || true; fi
    if [[ $RUN_BY_SYSTEMD == yes ]]; then systemctl --quiet kill --signal=KILL "comuni-lab$LAB-$name.scope" 2>/dev/null || true; fi
    empty_cgroup "$name"
    end_slow "$name"
    rm -f "$dir/init.pid" "$dir/keeper.pid"
    if [[ -d $dir/root ]]; then rm -f "/run/systemd/nspawn/locks/$(stat -c 'inode-%d:%i' "$dir/root")"; fi
    rm -rf "/run/systemd/nspawn/propagate/$(machine_of "$name")"
}
