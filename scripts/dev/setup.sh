#!/bin/sh
# setup.sh -- install what a job needs and this machine lacks.
#
#     scripts/dev/setup.sh build|demo|repl|bench|test|hosts|install|page|asan|tsan|valgrind|lint|fuzz|cov
#
# Looks first, and does nothing, quickly, where everything is there. What is
# missing comes from apt-get, without questions. Where that cannot be done it
# says what to install by hand, and fails.
set -u

dev=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
profile=${1:-build}
packages=   # of Debian, that are missing
servers=    # services that some of these would start
by_hand=    # the same for people without apt

missing() {  # package, what it is elsewhere
  case " $packages " in *" $1 "*) return ;; esac
  packages="$packages $1"
  by_hand="$by_hand
  $2"
}

need_program() {  # program, package, what it is elsewhere
  command -v "$1" >/dev/null 2>&1 || missing "$2" "${3:-$1}"
}

need_compiler() {
  cc=${CC:-cc}
  # CC may hold options and a wrapper ("ccache gcc"): its first word decides.
  command -v "${cc%% *}" >/dev/null 2>&1 ||
    missing "gcc libc6-dev" "a C compiler (gcc 12 or clang 14, or newer)"
  need_program make make
}

need_headers() {
  for dir in ${LUA_INC:-} /usr/include/lua5.4 /usr/include/lua54 \
             /usr/include/lua/5.4 /usr/local/include/lua5.4 \
             /usr/local/include /usr/include; do
    if [ -f "$dir/lua.h" ] &&
       grep -q 'LUA_VERSION_NUM[[:space:]]*504' "$dir/lua.h"; then
      return
    fi
  done
  missing liblua5.4-dev "the headers of Lua 5.4 (lua.h, lauxlib.h)"
}

# Which of the modules named does Lua not load? Without Lua, none loads.
absent_modules() {
  lua=$("$dev/lua.sh") || { printf '%s\n' "$@"; return; }
  "$lua" -e 'for _, name in ipairs(arg) do
    if not pcall(require, name) then print(name) end
  end' /dev/null "$@" 2>/dev/null
}

need_modules() {
  for name in $(absent_modules "$@"); do
    case $name in
      cjson) missing lua-cjson "rock lua-cjson" ;;
      busted) missing lua-busted "rock busted" ;;
      argparse) missing lua-argparse "rock argparse" ;;
      socket) missing lua-socket "rock luasocket" ;;
      term) missing lua-term "rock lua-term" ;;
      system) missing lua-system "rock luasystem" ;;
      readline) missing lua-readline "rock readline" ;;
      luv) missing lua-luv "rock luv" ;;
      cqueues) missing lua-cqueues "rock cqueues" ;;
      luaevent.core) missing lua-event "rock luaevent" ;;
    esac
  done
}

need_build() {
  need_compiler
  need_headers
  "$dev/lua.sh" >/dev/null || missing lua5.4 "Lua 5.4"
}

need_tests() {
  need_build
  need_modules cjson argparse socket term system readline busted luv cqueues
  need_program busted lua-busted "rock busted"
}

need_file() {  # pattern, package, what it is elsewhere
  for file in $1; do [ -e "$file" ] && return; done
  missing "$2" "$3"
}

# Where Debian has them, only root has their folder on the path.
need_server() {  # program, package
  for dir in /usr/sbin /usr/bin /usr/local/sbin /usr/local/bin; do
    if [ -x "$dir/$1" ]; then return; fi
  done
  missing "$2" "$1"
}

# Servers that host Lua. The tests start their own; the system shall not.
need_hosts() {
  need_tests
  servers="lighttpd prosody dovecot"
  need_server lighttpd lighttpd
  need_file "/usr/lib/lighttpd/mod_magnet.so" lighttpd-modules-lua \
    "mod_magnet of lighttpd, for Lua 5.4"
  need_server prosody prosody
  need_modules luaevent.core
  need_server dovecot dovecot-core
  need_file "/usr/lib/dovecot/modules/auth/libauthdb_lua.so" dovecot-auth-lua \
    "the Lua authentication of dovecot, for Lua 5.4"
}

case $profile in
  build) need_build ;;
  demo) need_build; need_modules argparse socket ;;
  bench) need_build; need_modules argparse cjson luv ;;
  repl) need_build; need_modules cjson argparse socket term system readline ;;
  test | asan | tsan) need_tests ;;
  hosts) need_hosts ;;
  install)
    need_tests
    need_program luarocks luarocks
    need_program pkg-config pkg-config "pkg-config or pkgconf"
    need_program nm binutils
    need_program mandoc mandoc
    ;;
  page) need_tests; need_program chromium chromium ;;
  valgrind) need_build; need_program valgrind valgrind ;;
  lint)
    need_tests
    need_program nm binutils
    need_program clang-format clang-format
    need_program clang-tidy clang-tidy
    need_program cppcheck cppcheck
    need_program shellcheck shellcheck
    need_program luacheck lua-check "rock luacheck"
    need_program mandoc mandoc
    ;;
  fuzz)
    need_build
    need_program clang "clang libclang-rt-14-dev" "clang with libFuzzer"
    ;;
  cov) need_tests; need_program gcovr gcovr ;;
  *) echo "setup: no profile '$profile'" >&2; exit 2 ;;
esac

[ -n "$packages" ] || exit 0

give_up() {
  echo "setup: $1. 'make $profile' needs:$by_hand" >&2
  echo "On Debian and Ubuntu: apt-get install$packages" >&2
  exit 1
}

command -v apt-get >/dev/null 2>&1 || give_up "there is no apt-get here"
if [ "$(id -u)" -eq 0 ]; then
  root=
elif sudo -n true 2>/dev/null; then
  root="sudo -n"
else
  give_up "installing needs root, or sudo without a password"
fi

apt() {
  $root env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# Debian starts a service when it installs it, unless this file says no. Who
# has one of his own has decided already.
policy=/usr/sbin/policy-rc.d
allow_services() { $root rm -f "$policy"; }
forbid_services() {
  [ -n "$servers" ] && [ ! -e "$policy" ] || return 0
  trap allow_services EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null &&
    $root chmod 755 "$policy"
}

# Nor at the next start of the system; where there was one before, as it was.
disable_services() {
  [ -d /run/systemd/system ] || return 0
  for server in $servers; do
    case " $packages " in
      *" $server "* | *" $server-core "*)
        $root systemctl -q disable "$server" || true ;;
    esac
  done
}

echo "setup: installing$packages"
apt update || echo "setup: apt-get update failed; trying with the lists as they are" >&2
forbid_services
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends $packages ||
  give_up "apt-get could not install everything"
disable_services
