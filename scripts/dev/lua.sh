#!/bin/sh
# lua.sh -- print the command that runs Lua 5.4 here; fail where there is none.
#
# Debian calls it lua5.4, others plain lua; $LUA says it outright.
for lua in ${LUA:+"$LUA"} lua5.4 lua54 lua; do
  if command -v "$lua" >/dev/null 2>&1 &&
     [ "$("$lua" -e 'io.write(_VERSION)' 2>/dev/null)" = "Lua 5.4" ]; then
    echo "$lua"
    exit 0
  fi
done
exit 1
