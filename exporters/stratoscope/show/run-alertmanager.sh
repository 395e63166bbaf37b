#!/bin/bash
# Run the Alertmanager that get-debian.sh unpacked.
#   run-alertmanager.sh FOLDER [FLAG...]
# Debian's reads a template below /usr/share. Without the package it is shown there, to this process alone: as an
# ordinary user that needs user name spaces.
set -euo pipefail
folder=$1
shift
program=$folder/usr/bin/prometheus-alertmanager
[[ ! -e /usr/share/prometheus/alertmanager/default.tmpl ]] || exec "$program" "$@"
own=--mount
((EUID == 0)) || own=--map-root-user
# shellcheck disable=SC2016 # the inner shell fills it in
show='mount -t overlay none -o "lowerdir=$0:/usr/share" /usr/share'
unshare --mount "$own" bash -c "$show" "$folder/usr/share" 2>/dev/null || {
  key=kernel.apparmor_restrict_unprivileged_userns # 1 on Ubuntu since 23.10
  [[ $(cat "/proc/sys/${key/.//}" 2>/dev/null) != 1 || $own == --mount ]] || {
    echo "$key is 1, so an ordinary user may not show Debian's files below /usr/share: install the package" \
      "prometheus-alertmanager, run this as root, or let root type sysctl -w $key=0" >&2
    exit 1
  }
  echo "Debian's needs files below /usr/share, which this user may not show there, as in a chroot or a container:" \
    "install the package prometheus-alertmanager, or run this as root" >&2
  exit 1
}
exec unshare --mount "$own" bash -c "$show && exec \"\$@\"" "$folder/usr/share" "$program" "$@"
