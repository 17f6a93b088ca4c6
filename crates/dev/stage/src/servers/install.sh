# Installs the packages $1 and leaves no service of them behind, neither running now nor started at
# the next boot: we start private nodes ourselves. $2 lists the units that they bring,
# $3 is the user that they run as, if that user's processes have to end.
set -e
packages=$1
units=$2
user=$3
has() { command -v "$1" >/dev/null 2>&1; }

# If the package makes the user, that user's processes are the package's.
[ -n "$user" ] && id -u "$user" >/dev/null 2>&1 && user=

booted_with_systemd() { [ -d /run/systemd/system ] && has systemctl; }
# A mask below /run keeps the package's scripts from starting the unit; it ends with this script.
if booted_with_systemd; then
    # Units that were there before, such as Erlang's epmd, are somebody else's.
    new=
    for unit in $units; do
        systemctl cat "$unit" >/dev/null 2>&1 || new="$new $unit"
    done
    units=$new
    trap 'systemctl unmask --runtime --quiet $units || :' EXIT
    systemctl mask --runtime --quiet $units || :
fi

if has apt-get; then
    # Without systemd, packages look at the `runlevel`; 1 starts nothing.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get -o DPkg::Lock::Timeout=300 update || :
    apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends $packages
elif has dnf; then
    dnf install --assumeyes $packages
elif has pacman; then
    pacman --sync --noconfirm $packages
fi

if booted_with_systemd; then
    systemctl unmask --runtime --quiet $units || :
    systemctl disable --now --quiet $units || :
else
    for unit in $units; do
        has service && service "${unit%.*}" stop >/dev/null 2>&1 || :
    done
    # Erlang's name server goes on without the server.
    for process in /proc/[0-9]*; do
        [ -n "$user" ] && [ "$(stat -c %U "$process" 2>/dev/null)" = "$user" ] &&
            kill "${process#/proc/}" || :
    done
fi
