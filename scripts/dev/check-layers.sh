#!/bin/sh
# check-layers.sh -- only the core blocks and locks; only the bindings raise.
#
#     check-layers.sh BUILD-OBJECT-DIRECTORY MODULE
#
# Read off the compiled files, where no macro hides a call.
set -u
objects=$1 module=$2
status=0

fail() {
  echo "layers: $1" >&2
  status=1
}

# What the objects of a layer want from outside, as "object: symbol".
wants() {
  nm -A -u "$objects/$1"/*.o | sed -E 's/^.*\/([^/]+\.o): *[Uw] /\1: /'
}

# Whatever matches the pattern is a breach: name each one.
forbid() {  # layer, pattern, why
  found=$(wants "$1" | grep -E ": ($2)(@|\$)") || return 0
  fail "$1/ must not: $3
$found"
}

for layer in core bindings; do
  ls "$objects/$layer"/*.o >/dev/null 2>&1 || fail "no objects of $layer/"
done
[ "$status" -eq 0 ] || exit 1

forbid core 'lua_.*|luaL_.*|luaopen_.*' "call Lua"
forbid core 'v?fprintf|v?printf|puts|perror|stderr|_?exit|abort' \
  "write to the terminal or end the process"
forbid bindings 'pthread_.*|sem_.*|fork|vfork|wait|waitpid|waitid' \
  "lock, start threads or wait for processes"

included=$(grep -nE '#[[:space:]]*include[[:space:]]*[<"](lua|lauxlib|lualib)' \
  core/*.[ch]) && fail "core/ must not include Lua's headers
$included"

exports=$(nm -D --defined-only "$module" | awk '{ print $3 }' | sort | xargs)
[ "$exports" = luaopen_tandem_core ] ||
  fail "$module must export luaopen_tandem_core alone, not: $exports"
readelf -d "$module" | grep -q 'FLAGS_1.*NODELETE' ||
  fail "$module must be linked -z nodelete"
readelf -d "$module" | grep 'NEEDED.*lua' &&
  fail "$module must not need a Lua library"
exit "$status"
