# shellcheck shell=bash
# What the benchmarks on real hosts have in common. To be sourced, with the repository as the folder to be in.

# A lab of its own, a folder for everything else, and the program; all taken away at the end unless $keep says otherwise.
begin() {
    export COMUNI_LAB=${COMUNI_LAB:-8}
    lab=tests/lab/lab
    run=$(mktemp -d)
    export XDG_STATE_HOME=$run/state
    trap finish EXIT
    trap 'exit 130' INT TERM
    # Another build than the one that is made here, for trying a benchmark out.
    comuni=${COMUNI_BENCH_PROGRAM:-}
    if [ -z "$comuni" ]; then ./build >&2; comuni=$PWD/target/release/comuni; fi
}

finish() {
    if [ -n "${keep:-}" ]; then echo "kept: lab $COMUNI_LAB and $run" >&2; return; fi
    $lab down >&2
    rm -rf "$run"
}

# Clean hosts: an inventory of its own has no history in common with the one before.
boot() {
    $lab down >&2
    $lab up "$1" >&2
    COMUNI_SSH_KEY=$($lab key)
    export COMUNI_SSH_KEY COMUNI_IDENTITY=$COMUNI_SSH_KEY
    ssh_config=$(dirname "$COMUNI_SSH_KEY")/ssh_config
}

# The repository's inventories in a folder, without any name server: the zones stay with others.
without_zones() {
    mkdir -p "$1"
    cp -a inventories/varese inventories/lab "$1/"
    sed -i '/^dns:/,$d' "$1/varese/consortium.yml" "$1/lab/consortium.yml"
    sed -i -E 's/mode: (primary|subzone)/mode: external/' "$1"/varese/members/*.yml
}

# Hosts of the inventories in folder $1, each given as NAME:ROLES. The lab fills in addresses and keys.
write_hosts() {
    local folder=$1 host name user at=0
    shift
    echo "hosts:" > "$folder/varese/hosts.yml"
    echo "hosts:" > "$folder/lab/hosts.yml"
    for host in "$@"; do
        name=${host%%:*}
        at=$((at + 1))
        user="user: ops, sudo: true"
        case $name in ops1 | mon1) user="user: root" ;; esac
        echo "  $name: { address: 192.0.2.$at, roles: [${host#*:}], login: { $user }, capacity: { tenants: 60, memory_mib: 65536 } }" >> "$folder/varese/hosts.yml"
        printf '  %s:\n    address: 192.0.2.%d\n' "$name" "$at" >> "$folder/lab/hosts.yml"
    done
}

# In place of the members in folder $1 the first $2 comuni of the province, without what differs from benchmark to
# benchmark. Prints a line for each: the name of its file, and its zone.
write_members() {
    rm "$1"/*.yml
    python3 - "$1" "$2" <<'PY'
import csv, itertools, re, sys, unicodedata
rows = (row for row in csv.DictReader(open("data/comuni.csv", encoding="utf-8")) if row["province"] == "VA")
for row in itertools.islice(rows, int(sys.argv[2])):
    plain = unicodedata.normalize("NFD", row["name"]).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain).strip("-")
    with open(f"{sys.argv[1]}/{slug}.yml", "w", encoding="utf-8") as out:
        out.write(f"""name: "{row['name']}"
kind: comune
istat: "{row['istat']}"
belfiore: {row['belfiore']}
membership: {{ status: active }}
""")
    print(slug, "comune." + ("varese.it" if slug == "varese" else slug + ".va.it"))
PY
}

# Everything of the inventory on its hosts, once.
apply_all() {
    "$comuni" secrets set --missing >&2
    "$comuni" apply --yes >&2
    "$comuni" plan --detailed-exitcode > /dev/null
}

# The exec channels and bytes of each host in an apply that has nothing to do: the same every time.
traffic() { "$comuni" apply --yes -v --format json 2> /dev/null | grep '"type":"traffic"' | sed 's/^/  /'; }

now() { echo "${EPOCHREALTIME/./}"; }
ms() { awk '{ printf "%.0f\n", $1 / 1000 }'; }
# The middle one of a file's column, the first unless another is named; the greatest one.
median() { awk -v column="${2:-1}" '{ print $column }' "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
most() { awk -v column="$2" '$column > most { most = $column } END { print most }' "$1"; }
load() { echo "load average: $(cut -d' ' -f1 /proc/loadavg)"; }

# Runs a command and adds its microseconds to a file: timed FILE COMMAND...
timed() {
    local file=$1 began
    shift
    began=$(now)
    "$@" > "$run/said" 2>&1 || { cat "$run/said" >&2; exit 1; }
    echo $(($(now) - began)) >> "$file"
}

# As `timed`; the line also has the microseconds of processor and the KiB of memory that it took at most.
weighed() {
    python3 - "$@" <<'PY'
import os, subprocess, sys, time
began = time.monotonic()
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
said = child.stdout.read()
_, status, used = os.wait4(child.pid, 0)
took = time.monotonic() - began
if status != 0:
    sys.stderr.buffer.write(said)
    sys.exit(1)
with open(sys.argv[1], "a") as out:
    out.write(f"{took * 1e6:.0f} {(used.ru_utime + used.ru_stime) * 1e6:.0f} {used.ru_maxrss}\n")
PY
}

# What libssh2 and the sshd of Debian 12 agree upon; OpenSSH by itself takes the dearer sntrup761x25519-sha512.
# shellcheck disable=SC2034  # for those who source this
our_exchange=curve25519-sha256

# One sweep: all hosts at once, ended when the last has answered. $1 is the key exchange, empty for OpenSSH's own choice.
sweep() {
    local host waiting=() exchange=${1:+-oKexAlgorithms=$1}
    shift
    for host in "$@"; do
        # shellcheck disable=SC2086  # no option at all when empty
        ssh -F "$ssh_config" $exchange "$host" true < /dev/null &
        waiting+=($!)
    done
    for host in "${waiting[@]}"; do wait "$host" || return; done
}
