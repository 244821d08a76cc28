# shellcheck shell=bash
# shellcheck disable=SC2034  # the names are read by the other files
# Names, places, locks and words that every other file uses.

LAB=${COMUNI_LAB:-0}
BASE=${COMUNI_LAB_STATE:-/var/lib/comuni-lab}
STATE=$BASE/$LAB
POOL=$BASE/pool
BRIDGE=comuni-lab$LAB
TABLE=comuni-lab$LAB
SUBNET=10.77.$LAB
MARK=COMUNI_LAB_RUN             # in the environment of every process that a lab starts, so that `down` finds the lost ones
RUN_BY_SYSTEMD=no; if [[ -d /run/systemd/system ]]; then RUN_BY_SYSTEMD=yes; fi
MOST_HOSTS=40

say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }
warn() { printf '%4ds  %s\n' "$SECONDS" "$*" >&2; }

die() {
    local code=$1
    shift
    printf 'lab: %s\n' "$*" >&2
    exit "$code"
}

# One command at a time may change a lab. Nothing that outlives the command may inherit descriptor 9.
lock_lab() {
    mkdir -p "$BASE"
    exec 9>"$BASE/$LAB.lock"
    flock -w "${1:-300}" 9 || die 75 "another command works on lab $LAB; tried for ${1:-300} s"
}

# What all labs share (settings of the kernel) is changed under this lock: `with_shared_lock COMMAND…`.
with_shared_lock() {
    mkdir -p "$BASE"
    (flock 7; "$@") 7>"$BASE/shared.lock"
}

# The names of N hosts, in the order in which a lab grows.
host_names() {
    local n=$1 i
    local names=(app1 db1 app2 ops1 mon1)
    for ((i = 3; ${#names[@]} < n; i++)); do names+=("app$i"); done
    printf '%s\n' "${names[@]:0:n}"
}

# 10.77.LAB.11 and on, fixed for a name, so that it does not depend on how many hosts there are.
address_of() {
    case $1 in
        app1) echo "$SUBNET.11" ;;
        db1) echo "$SUBNET.12" ;;
        app2) echo "$SUBNET.13" ;;
        ops1) echo "$SUBNET.14" ;;
        mon1) echo "$SUBNET.15" ;;
        app*) echo "$SUBNET.$((13 + ${1#app}))" ;;
    esac
}

login_of() { case $1 in ops1 | mon1) echo root ;; *) echo ops ;; esac }
machine_of() { echo "lab$LAB-$1"; }
veth_of() { echo "vb-lab$LAB-$1"; }        # systemd-nspawn's own name for it; with "app37" it has 13 of 15 characters
dir_of() { echo "$STATE/hosts/$1"; }

# The hosts that this lab has, running or not.
known_hosts() {
    local d
    for d in "$STATE"/hosts/*/; do if [[ -d $d ]]; then basename "$d"; fi; done
}

need_host() {
    if [[ ${1:-} == "" ]]; then die 64 "a host is missing: $(known_hosts | paste -sd' ')"; fi
    if [[ ! -d $(dir_of "$1") || ! $1 =~ ^[a-z]+[0-9]+$ ]]; then
        die 64 "no host \"$1\" in lab $LAB; there is: $(known_hosts | paste -sd' ')"
    fi
}

need_running() {
    need_host "$1"
    running "$1" || die 3 "$1 is dead; boot it: lab boot $1"
}

# A process is its id and its start time: an id that was given to another process does not match.
started_at() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    # shellcheck disable=SC2086  # into fields
    set -- $stat
    [[ $1 != Z && $1 != X ]] && echo "${20}"
}

record_process() { local t; t=$(started_at "$2") && echo "$2 $t $(cat /proc/sys/kernel/random/boot_id)" >"$1"; }

# Prints the id of a recorded process that is still the same one.
recorded_process() {
    local pid start boot
    [[ -s $1 ]] && read -r pid start boot <"$1" || return 1
    [[ $boot == "$(cat /proc/sys/kernel/random/boot_id)" && $(started_at "$pid") == "$start" ]] && echo "$pid"
}

running() { init_pid "$1" >/dev/null; }

wait_gone() {
    local pid=$1 tenths=${2:-50}
    while started_at "$pid" >/dev/null; do
        if ((tenths-- == 0)); then return 1; fi
        sleep 0.1
    done
}

# Every mount of this machine under a folder, the innermost first.
mounts_below() { awk -v p="$1" '$5 == p || index($5, p "/") == 1 { print $5 }' /proc/self/mountinfo | tac; }

unmount_below() {
    local m
    mounts_below "$1" | while read -r m; do
        umount "$m" 2>/dev/null || umount -l "$m" || warn "could not unmount $m"
    done
}

# Runs a program in a session of its own, with nothing open but its stdin, stdout and stderr: what outlives this command must not hold the caller's pipes,
# nor this lab's lock, nor get its signals. For use in the background.
detached() {
    local d
    for d in /proc/"$BASHPID"/fd/*; do
        d=${d##*/}
        if ((d > 2 && d != 255)); then exec {d}>&- || true; fi
    done
    exec setsid "$@"
}
