#!/bin/bash
# Unpack programs of a Debian suite into a folder below INTO and print that folder.
#   get-debian.sh INTO prometheus [SUITE]       prometheus and promtool, with the scripts of the web page, in INTO/tools...
#   get-debian.sh INTO alertmanager [SUITE]     prometheus-alertmanager and amtool, in INTO/tools-alertmanager...
#   get-debian.sh INTO victoria-metrics [SUITE] victoria-metrics, in INTO/tools-victoria-metrics...
#   get-debian.sh INTO etcd [SUITE]             etcd, in INTO/tools-etcd...
# SUITE is such as bookworm (Prometheus 2.42, Alertmanager 0.25), trixie, sid (3.5, 0.33); without: what apt has here.
# The packages are downloaded, not installed: no root is needed, no service starts, the system stays as it is.
set -euo pipefail
into=$1
what=${2:-}
suite=${3:-}
keys=/usr/share/keyrings/debian-archive-keyring.gpg

fail() {
  echo "get-debian: $1" >&2
  exit 1
}
case $what in
  prometheus)
    package=prometheus programs=(prometheus promtool) wanted='prometheus|promtool|libjs-.*|fonts-.*'
    tools=$into/tools${suite:+-prometheus-$suite}
    ;;
  alertmanager)
    package=prometheus-alertmanager programs=(prometheus-alertmanager amtool) wanted=prometheus-alertmanager
    tools=$into/tools-alertmanager-${suite:-here}
    ;;
  victoria-metrics)
    package=victoria-metrics programs=(victoria-metrics) wanted=victoria-metrics
    tools=$into/tools-victoria-metrics-${suite:-here}
    ;;
  etcd)
    package=etcd-server programs=(etcd) wanted=etcd-server
    tools=$into/tools-etcd-${suite:-here}
    ;;
  *) fail "${what:-nothing} to get; allowed: prometheus, alertmanager, victoria-metrics, etcd" ;;
esac
[[ $suite =~ ^[a-z]*$ ]] || fail "$suite is no suite; allowed: such as bookworm, trixie, sid"

works() { # whether all programs of a folder run
  local program
  for program in "${programs[@]}"; do "$1/usr/bin/$program" "${version:---version}" >/dev/null 2>&1 || return 1; done
}
if ! works "$tools"; then
  command -v apt-get >/dev/null || fail "no apt-get here: put ${programs[*]} into $tools/usr/bin"
  [[ $what != prometheus || $suite ]] ||
    echo "get-debian: this distribution's prometheus and promtool, 23 MB to download, 320 MB in $tools" >&2
  mkdir -p "$into"
  new=$(mktemp -d "$into/tools.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  mkdir -p "$new"/debs "$new"/lists/partial "$new"/cache
  apt=(-q -o APT::Sandbox::User=root)
  own=(-o "Dir::State::lists=$new/lists" -o "Dir::Cache=$new/cache")
  # apt-get update succeeds without a network, too: what it said is shown if the packages are not found.
  update() { apt-get "${apt[@]}" update >"$new/log" 2>&1 || fail "no package lists: $(tail -n 1 "$new/log")"; }
  if [[ $suite ]]; then
    [[ -e $keys ]] || fail "$keys is missing: install debian-archive-keyring"
    # shellcheck disable=SC2016 # apt fills it in
    mirror=${STRATOSCOPE_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' |
      grep -m 1 -E '/debian/?$' || true)}
    [[ $mirror ]] || fail "apt has no mirror of Debian here: name one in STRATOSCOPE_MIRROR"
    echo "deb [signed-by=$keys] $mirror $suite main" >"$new/sources.list"
    : >"$new/status"
    apt+=("${own[@]}" -o "Dir::Etc::sourcelist=$new/sources.list" -o Dir::Etc::sourceparts=/dev/null)
    apt+=(-o "Dir::State::status=$new/status")
    update
  elif ! apt-cache show "$package" >/dev/null 2>&1; then # no package lists yet: fetch them for us alone
    apt+=("${own[@]}")
    update
  fi
  mapfile -t names < <(
    apt-cache "${apt[@]}" depends --recurse --no-{recommends,suggests,conflicts,breaks,replaces,enhances} "$package" 2>/dev/null |
      grep -xE "$wanted"
  )
  ((${#names[@]})) || fail "apt knows no package $package: $(tail -n 2 "$new/log" 2>/dev/null | head -n 1)"
  (cd "$new/debs" && apt-get "${apt[@]}" download "${names[@]}") >"$new/log" 2>&1 || fail "$(tail -n 1 "$new/log")"
  for deb in "$new"/debs/*.deb; do dpkg -x "$deb" "$new"; done
  works "$new" || fail "the unpacked programs do not run: $("$new/usr/bin/${programs[0]}" "${version:---version}" 2>&1 | tail -n 1)"
  rm -rf "${new:?}"/{debs,lists,cache,log,sources.list,status,var} "$new"/etc/{init.d,default,logrotate.d} "$tools"
  mv "$new" "$tools"
  chmod 755 "$tools"
fi
echo "$tools"
