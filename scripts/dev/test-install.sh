#!/bin/sh
# test-install.sh -- install as a package of Debian does, and run specs on that.
#
#     test-install.sh SPEC ...
#
# `make` calls it. The files are staged below DESTDIR and stay there. The specs
# run from a copy of tests/, so that neither Lua's paths nor a relative path
# leads into the source tree. They learn by the environment:
#
#     TANDEM_COMMAND  the command that was installed
#     TANDEM_STAGE    what DESTDIR was
#     TANDEM_PLACES   the places that were given to `make install`
#     TANDEM_SOURCE   the source tree
#     TANDEM_ROCK     the tree into which LuaRocks has installed the same
set -eu

dev=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
TANDEM_SOURCE=${dev%/scripts/dev}
make=${MAKE:-make}
# What an outer `make` passes on is not meant for these.
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR PREFIX

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
# Some specs run as another user.
chmod 755 "$work"

kind=$(${CC:-cc} -print-multiarch 2>/dev/null || true)
lib=/usr/lib${kind:+/$kind}
TANDEM_STAGE=$work/stage
TANDEM_PLACES="PREFIX=/usr LIBDIR=$lib/lua/5.4 PKGCONFIGDIR=$lib/pkgconfig"
TANDEM_ROCK=$work/rock
TANDEM_COMMAND=$TANDEM_STAGE/usr/bin/tandem
export TANDEM_SOURCE TANDEM_STAGE TANDEM_PLACES TANDEM_ROCK TANDEM_COMMAND

cd "$TANDEM_SOURCE"
# shellcheck disable=SC2086 # a list of assignments
$make install DESTDIR="$TANDEM_STAGE" $TANDEM_PLACES
# Without a network there are no rocks of what the command needs. Lua finds
# the distribution's all the same.
HOME=$work luarocks --lua-version 5.4 make --tree "$TANDEM_ROCK" --deps-mode none \
  >"$work/luarocks.log" 2>&1 || { cat "$work/luarocks.log" >&2; exit 1; }

run=$work/run
mkdir -p "$run/scripts"
cp -r tests .busted "$run/"
ln -s "$TANDEM_STAGE/usr/share/doc/tandem/examples" "$run/scripts/examples"
chmod -R a+rX "$run"
cd "$run"

# As if /usr of the stage were /usr: the tasks of the command go last, as in
# the command itself.
share=$TANDEM_STAGE/usr/share/lua/5.4
LUA_PATH="$run/tests/?.lua;$share/?.lua;$share/?/init.lua;;$share/tandem_cli/?.lua"
LUA_CPATH="$TANDEM_STAGE$lib/lua/5.4/?.so;;"
PATH=$TANDEM_STAGE/usr/bin:$PATH
export LUA_PATH LUA_CPATH PATH
unset TANDEM_WORKER

"$dev/run-tests.sh" -- "$@"
