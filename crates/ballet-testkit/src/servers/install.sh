# Installs the package $1 and leaves no service of it behind, neither running now nor started at
# the next boot: we start private nodes ourselves. $2 lists the units that the package brings.
set -e
package=$1
units=$2
has() { command -v "$1" >/dev/null 2>&1; }

booted_with_systemd() { [ -d /run/systemd/system ] && has systemctl; }
# A mask below /run keeps the package's scripts from starting the unit; it ends with this script.
if booted_with_systemd; then
    # What was there before (Erlang's epmd, say) is somebody's.
    new=
    for unit in $units; do
        systemctl cat "$unit" >/dev/null 2>&1 || new="$new $unit"
    done
    units=$new
    trap 'systemctl unmask --runtime --quiet $units || :' EXIT
    systemctl mask --runtime --quiet $units || :
fi

if has apt-get; then
    # Their scripts look at the runlevel where there is no systemd; 1 starts nothing.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get -o DPkg::Lock::Timeout=300 update || :
    apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$package"
elif has dnf; then
    dnf install --assumeyes "$package"
elif has pacman; then
    pacman --sync --noconfirm "$package"
fi

if booted_with_systemd; then
    systemctl unmask --runtime --quiet $units || :
    systemctl disable --now --quiet $units || :
elif has service; then
    for unit in $units; do
        service "${unit%.*}" stop >/dev/null 2>&1 || :
    done
fi
