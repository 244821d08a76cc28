# shellcheck shell=bash
# The image: one Debian root for all hosts of all labs, and the pool of packages that they install.
# The image's name holds the hash of this file and of the machine's apt sources: change either and a new one is made.

SUITE=bookworm
IMAGE_PACKAGES=systemd,systemd-sysv,dbus,libpam-systemd,systemd-timesyncd,openssh-server,sudo,apt,ca-certificates
IMAGE_PACKAGES+=,iproute2,iputils-ping,netbase,procps,tzdata,cron,passwd,login
# Each line is downloaded on its own, because packages of different lines may exclude each other.
POOL_PACKAGES=(
    "postgresql nginx nftables unattended-upgrades python3-psycopg2 python3 logrotate openssl rsync acl"
    "chrony"
    "restic rclone age curl zstd jq bsdutils"
    "knot knot-dnsutils knot-dnssecutils"
    "prometheus prometheus-alertmanager prometheus-blackbox-exporter prometheus-node-exporter prometheus-postgres-exporter"
)

# The machine's apt settings that a host needs to fetch packages: proxies, certificates, checks of dates. Nothing else,
# because settings like "delete what was downloaded" belong to the machine.
apt_settings() {
    apt-config dump | grep -E '^Acquire::(http|https|Check-|Languages|Retries|GzipIndexes|ForceIPv)' || true
}

# The files that name the machine's package sources, and the keyrings that they mention.
apt_sources() {
    local f
    for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        if [[ -s $f ]] && grep -qE "(^|[[:space:]])$SUITE(-|[[:space:]]|$)" "$f"; then echo "$f"; fi
    done
}

apt_keyrings() {
    local f
    {
        echo /usr/share/keyrings/debian-archive-keyring.gpg
        for f in $(apt_sources); do
            grep -oE '(Signed-By:|signed-by=)[[:space:]]*/[^] ]+' "$f" | grep -oE '/.*' || true
        done
        find /etc/apt/trusted.gpg.d /etc/apt/keyrings -type f 2>/dev/null
    } | sort -u | while read -r f; do if [[ -f $f ]]; then echo "$f"; fi; done
}

image_hash() {
    local sources
    mapfile -t sources < <(apt_sources)
    { cat "$HERE/image.sh"; dpkg --print-architecture; apt_settings; cat "${sources[@]}" /dev/null; } | sha256sum | cut -c1-12
}

image_path() { echo "$BASE/root-$(image_hash)"; }

# Makes the image when it is not there. Everybody else who wants it waits for the lock.
make_image() {
    local image part
    image=$(image_path)
    exec 8>"$BASE/image.lock"
    if ! flock -n 8; then say "waits for another lab that makes the image"; flock 8; fi
    if [[ ! -d $image ]]; then
        [[ -n $(apt_sources) ]] || die 69 "no apt source for Debian $SUITE on this machine: see /etc/apt/sources.list.d"
        part=$image.part
        unmount_below "$part"
        rm -rf --one-file-system "$part"
        say "makes the image of Debian $SUITE (once; some 30 s)"
        bootstrap "$part"
        settle_image "$part"
        fill_pool "$part"
        mv "$part" "$image"
        rm -rf "$part.tmp"
        remove_old_images "$image"
        say "image is made: $(du -sh "$image" | cut -f1) in $image, $(find "$POOL" -name '*.deb' | wc -l) packages in the pool"
    elif [[ $(find "$image" -maxdepth 0 -ctime +14) ]]; then
        say "the image is older than two weeks and so are its package lists: \"lab purge\" makes the next up fetch new ones"
    fi
    exec 8>&-
}

# Images of former recipes that no lab stands on.
remove_old_images() {
    local old
    for old in "$BASE"/root-*; do
        if [[ $old != "$1" && $old != *.part* ]] && ! grep -qsxF "$old" "$BASE"/[0-9]/image; then rm -rf --one-file-system "$old"; fi
    done
}

bootstrap() {
    local root=$1 sources log=$BASE/image.log
    mapfile -t sources < <(apt_sources)
    mkdir -p "$POOL" "$root.tmp"
    TMPDIR=$root.tmp mmdebstrap --variant=minbase --mode=root --include="$IMAGE_PACKAGES" \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        --skip=cleanup/apt "$SUITE" "$root" "${sources[@]}" >"$log" 2>&1 </dev/null ||
        { tail -n 20 "$log" >&2; die 1 "mmdebstrap failed; the whole of it is in $log"; }
}

# What makes a bare root into a machine as one buys it, and what makes it behave in a test.
settle_image() {
    local root=$1 f
    rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap
    for f in $(apt_sources); do
        install -m 644 "$f" "$root/etc/apt/${f#/etc/apt/}"
    done
    for f in $(apt_keyrings); do install -D -m 644 "$f" "$root$f"; done
    apt_settings >"$root/etc/apt/apt.conf.d/50lab-machine"
    for f in /usr/local/share/ca-certificates/*.crt; do
        if [[ -f $f ]]; then install -D -m 644 "$f" "$root$f"; fi
    done
    chroot "$root" update-ca-certificates >/dev/null 2>&1 || true

    echo 'LANG=C.UTF-8' >"$root/etc/default/locale"
    echo 'force-unsafe-io' >"$root/etc/dpkg/dpkg.cfg.d/lab"     # a lab's disk need not outlive a power cut of the machine
    rm -f "$root"/etc/ssh/ssh_host_* "$root/usr/sbin/policy-rc.d" "$root/etc/hostname"
    : >"$root/etc/machine-id"
    rm -f "$root/etc/resolv.conf" "$root/var/lib/dbus/machine-id"
    mkdir -p "$root/etc/systemd/system"
    for f in apt-daily.timer apt-daily-upgrade.timer; do
        ln -sf /dev/null "$root/etc/systemd/system/$f"      # a test must not meet apt's lock by chance
    done
    for f in getty.target console-getty.service systemd-networkd-wait-online.service nvmf-autoconnect.service; do
        ln -sf /dev/null "$root/etc/systemd/system/$f"
    done
    chroot "$root" systemctl enable systemd-networkd.service ssh.service >/dev/null 2>&1
    cat >"$root/etc/ssh/sshd_config.d/10-lab.conf" <<'SSHD'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
UseDNS no
SSHD
    mkdir -p "$root/etc/systemd/journald.conf.d"
    printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\n' >"$root/etc/systemd/journald.conf.d/lab.conf"
}

# Fresh package lists in the image, and in the pool what hosts are known to ask for. Failing is no reason to stop: a host fetches
# what is not in the pool.
fill_pool() {
    local root=$1 line log=$BASE/pool.log
    install -m 644 "$(resolv_conf)" "$root/etc/resolv.conf"
    say "gets the package lists and the packages of the pool"
    chroot "$root" apt-get -q update >"$log" 2>&1 </dev/null || say "apt-get update failed in the image: see $log"
    find "$POOL" -name '*.deb' -exec ln -t "$root/var/cache/apt/archives" {} + 2>/dev/null || true
    for line in "${POOL_PACKAGES[@]}"; do
        # shellcheck disable=SC2086  # a line is several names
        chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -q -y --download-only install $line >>"$log" 2>&1 </dev/null ||
            say "could not get in advance: $line (see $log)"
    done
    find "$root/var/cache/apt/archives" -name '*.deb' -exec cp -ln -t "$POOL" {} +
    find "$root/var/cache/apt/archives" -name '*.deb' -delete
    rm -f "$root/etc/resolv.conf"
}
