# Installs the given packages as root. Their services are neither started nor enabled: a system-wide Redis, nginx
# or database would use the ports that the example and the tests need.
set -eu
export DEBIAN_FRONTEND=noninteractive

# While this file exists, no installation starts a service. A file of the administrator is left unchanged.
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
