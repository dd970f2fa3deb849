# Sourced by scripts/demo and scripts/test: what both need of the machine.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

# Node of at least 20.19, or stop.
need_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    say 'Node.js 20.19 or newer, with npm, is needed: https://nodejs.org'
    exit 1
  fi
  if ! node -e 'const [major, minor] = process.versions.node.split(".").map(Number)
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'; then
    say "Node.js 20.19 or newer is needed; this is $(node --version)"
    exit 1
  fi
}

# missing_packages FILE-OR-COMMAND=PACKAGE...: prints the packages of what is not there.
missing_packages() {
  local pair what
  for pair in "$@"; do
    what=${pair%%=*}
    case $what in
      /*) [ -e "$what" ] || printf '%s\n' "${pair#*=}" ;;
      *) PATH="$PATH:/usr/sbin:/sbin" command -v "$what" >/dev/null || printf '%s\n' "${pair#*=}" ;;
    esac
  done
}

# install_packages PACKAGE...: 0 when they are installed; else says what to type, and 1.
install_packages() {
  [ $# -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      say "not installed, and there is no right to: sudo apt-get install $*"
      return 1
    fi
  fi
  if ! command -v apt-get >/dev/null; then
    say "not installed, and this is no Debian: $* (or what your system calls them)"
    return 1
  fi
  say "installing $* ..."
  if ! { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >/dev/null; then
    say "could not be installed: $*"
    return 1
  fi
}

# npm ci, unless that was done for this lock file, this Node and these headers already.
install_node_modules() {
  local node_root stamp want
  node_root=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  # node-gyp would download the headers of Node; most installations bring them along.
  if [ -z "${npm_config_nodedir:-}" ] && [ -e "$node_root/include/node/node.h" ]; then
    export npm_config_nodedir="$node_root"
  fi
  stamp=node_modules/.offpath-installed
  want="$(node -p 'process.version + " " + process.arch') $([ -e "$(pcap_header)" ] && echo pcap) $(cksum <package-lock.json)"
  if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
    return 0
  fi
  say 'npm ci ...'
  if ! npm_config_update_notifier=false npm ci --no-audit --no-fund --loglevel=error >&2; then
    say 'npm ci failed; its messages stand above.'
    exit 1
  fi
  printf '%s\n' "$want" >"$stamp"
}

pcap_header() { printf '/usr/include/pcap/pcap.h'; }
