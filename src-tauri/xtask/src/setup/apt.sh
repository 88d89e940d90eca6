# Installs the packages given, as root. A service among them is neither started nor enabled: the system's own
# Redis would hold the port of the example's, its nginx that of any page, and its databases those of a project.
set -eu
export DEBIAN_FRONTEND=noninteractive

# While this file is there, no installation starts a service. An administrator's own is left as it is.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

apt-get update
apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"

for package in "$@"; do
    case $package in
        redis-server) service=redis-server ;;
        nginx*) service=nginx ;;
        postgresql) service=postgresql ;;
        docker.io) service="docker docker.socket containerd" ;;
        mariadb-server) service=mariadb ;;
        rabbitmq-server) service="rabbitmq-server epmd.socket epmd.service" ;;
        *) continue ;;
    esac
    if command -v systemctl >/dev/null; then
        systemctl disable $service
    else
        update-rc.d "${service%% *}" disable
    fi
    if [ -d /run/systemd/system ]; then
        systemctl stop $service
    fi
done
