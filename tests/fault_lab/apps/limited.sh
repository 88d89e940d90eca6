# Runs a program with a memory limit in bytes: `limited.sh GROUP BYTES PROGRAM…`
set -eu
group=$1 bytes=$2
shift 2
if [ -d /sys/fs/cgroup/memory ]; then
    folder=/sys/fs/cgroup/memory/$group
    mkdir -p "$folder"
    echo "$bytes" >"$folder/memory.limit_in_bytes"
else
    folder=/sys/fs/cgroup/$group
    mkdir -p "$folder"
    echo "$bytes" >"$folder/memory.max"
    echo 0 >"$folder/memory.swap.max"
fi
echo $$ >"$folder/cgroup.procs"
exec "$@"
