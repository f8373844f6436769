#!/bin/sh
# env.sh -- print the export lines with which Lua finds a build of tandem.
#
#     eval "$(scripts/dev/env.sh [build-directory])"
#
# The build directory, `build` unless given, is the one that holds
# tandem/core.so. Paths are absolute, so the lines work from anywhere.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
out=$root/${1:-build}

# In single quotes a shell takes everything as it is but the single quote.
quote() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# LUA_PATH_5_4 would silence LUA_PATH.
for name in LUA_PATH_5_4 LUA_CPATH_5_4; do
  if printenv "$name" >/dev/null; then echo "unset $name"; fi
done
lua="$root/bindings/?.lua;$root/bindings/?/init.lua;$root/scripts/?.lua"
echo "export LUA_PATH=$(quote "$lua;;")"
echo "export LUA_CPATH=$(quote "$out/?.so;;")"
echo "export PATH=$(quote "$root/build/bin"):\"\$PATH\""
