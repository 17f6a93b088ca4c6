# Ends process groups when their owner is gone, however it ended. Standard input is a pipe whose
# other end only the owner holds. A line "+<group>" announces a group, and "-<group>" says that it
# has ended. At the end of the input all remaining groups get TERM, and KILL a few seconds later.
trap '' HUP INT TERM
groups=' '
while read -r line; do
    group=${line#?}
    case $line in
    +*) groups="$groups$group " ;;
    -*) case $groups in *" $group "*) groups="${groups%% "$group" *} ${groups#* "$group" }" ;; esac ;;
    esac
done
[ "$groups" = ' ' ] && exit

for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
tries=60
while [ "$tries" -gt 0 ]; do
    living=
    for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && living=yes; done
    [ -z "$living" ] && exit
    tries=$((tries - 1))
    sleep 0.1
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
