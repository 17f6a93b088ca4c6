# Cleans up after one set of servers, however its owner ended: standard input is a pipe whose
# other end only the owner holds, so its end of file means "stopped", "dropped" or "killed".
# $1 is the directory of the set; a `*.group` file in it holds "<signal> <process group>".
dir=$1
trap '' HUP INT TERM
while read -r _; do :; done

each_group() {
    for file in "$dir"/*.group; do
        [ -f "$file" ] && read -r signal group <"$file" && "$@"
    done
}
stop() { kill -s "$signal" -- "-$group" 2>/dev/null; }
kill_now() { kill -s KILL -- "-$group" 2>/dev/null; }
# A process that nobody reaps is dead all the same; only Linux shows that.
alive() {
    kill -s 0 -- "-$group" 2>/dev/null || return
    [ -r /proc/self/stat ] || living=yes
    for stat in /proc/[0-9]*/stat; do
        read -r line <"$stat" || continue
        # After the name, which may contain anything: state, parent, group.
        set -- ${line##*) }
        [ "$3" = "$group" ] && [ "$1" != Z ] && living=yes
    done
}
gone_within() {
    tries=$1
    while [ "$tries" -gt 0 ]; do
        living=
        each_group alive
        [ -z "$living" ] && return
        tries=$((tries - 1))
        sleep 0.1
    done
}

each_group stop
gone_within 50
each_group kill_now
gone_within 20

for file in "$dir"/*.compose; do
    [ -f "$file" ] && . "$file"
done

# A killed postmaster leaves a small System V memory segment; its id is in line 7.
for pid_file in "$dir"/postgres*/data/postmaster.pid; do
    if [ -f "$pid_file" ] && command -v ipcrm >/dev/null; then
        ipcrm -m "$(sed -n '7s/.* //p' "$pid_file")" 2>/dev/null
    fi
done

for disk in "$dir"/*/data; do
    # Data in memory is not kept.
    [ -L "$disk" ] && rm -rf "$(readlink "$disk")"
done

# Kept when start-up failed: somebody wants to read the log.
[ -e "$dir/keep" ] && exit
tries=20
until rm -rf "$dir" 2>/dev/null || [ "$tries" -eq 0 ]; do
    tries=$((tries - 1))
    sleep 0.1
done
