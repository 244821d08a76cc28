# shellcheck shell=bash
# The repository's inventories with the lab's true addresses and host keys.

write_inventory() {
    local to=${1:-} from file name facts
    if [[ $to == "" ]]; then die 64 "inventory DIR: the folder is missing"; fi
    from=$(readlink -f "${COMUNI_INVENTORIES:-$HERE/../../inventories}")
    if [[ ! -d $from ]]; then die 66 "no inventories in $from; COMUNI_INVENTORIES names another folder"; fi
    mkdir -p "$to"
    if [[ $(readlink -f "$to")/ == "$from"/* ]]; then die 64 "$to is in the repository's inventories: choose a folder outside"; fi
    for name in varese lab; do
        if [[ -d $from/$name && ! -e $to/$name ]]; then cp -a "$from/$name" "$to/$name"; fi
    done
    file=$to/lab/hosts.yml
    if [[ ! -f $file ]]; then die 66 "there is no $file to fill in"; fi
    facts=$(for name in $(known_hosts); do
        if running "$name"; then echo "$name $(cat "$(dir_of "$name")/known_host")"; fi
    done)
    if [[ $facts == "" ]]; then die 3 "no host of lab $LAB is running"; fi
    fill_in "$facts" "$file" >"$file.part" || { rm -f "$file.part"; die 65 "$file has a host in a form that the lab cannot fill in"; }
    cat "$file.part" >"$file"
    rm -f "$file.part"
    say "$file has the addresses and keys of $(wc -l <<<"$facts") hosts" >&2
}

# A host is a key at the margin, or at two spaces under `hosts:`; its values are two spaces further in.
fill_in() {
    awk -v facts="$1" '
        BEGIN {
            n = split(facts, line, "\n")
            for (i = 1; i <= n; i++) { split(line[i], f, " "); address[f[1]] = f[2]; host_key[f[1]] = f[3] " " f[4] }
        }
        # What stands between a host and the end of its block is kept until the block has ended.
        function flush(    i) {
            if (host != "") {
                if (!has["address"]) print pad "address: " address[host]
                if (!has["host_key"]) print pad "host_key: \"" host_key[host] "\""
            }
            for (i = 1; i <= kept; i++) print keep[i]
            kept = 0; host = ""; delete has
        }
        {
            text = $0; sub(/\r$/, "", text)
            blank = text ~ /^[[:space:]]*(#.*)?$/
            match(text, /^ */); indent = RLENGTH
            if (!blank && indent == 0) under = (text ~ /^hosts:[[:space:]]*(#.*)?$/)
            if (!blank && (indent == 0 || (under && indent == 2))) {
                flush()
                print
                name = text; sub(/^ */, "", name); sub(/:.*/, "", name); gsub(/["\047]/, "", name)
                rest = text; sub(/^[^:]*:[[:space:]]*/, "", rest)
                if (name in address && !(under && indent == 0)) {
                    if (rest !~ /^(#.*)?$/) { print "lab: line " NR ": " name " is not a block" > "/dev/stderr"; bad = 1; exit 1 }
                    host = name; pad = sprintf("%" (indent + 2) "s", "")
                }
                next
            }
            if (host == "") { print; next }
            if (index(text, pad "address:") == 1) { keep[++kept] = pad "address: " address[host]; has["address"] = 1 }
            else if (index(text, pad "host_key:") == 1) { keep[++kept] = pad "host_key: \"" host_key[host] "\""; has["host_key"] = 1 }
            else keep[++kept] = $0
        }
        END { if (!bad) flush() }
    ' "$2"
}
