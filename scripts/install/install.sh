#!/bin/sh
# install.sh -- put tandem where Lua and the system look for it.
#
#     install.sh install|uninstall|list
#
# `make` calls it, and says by the environment what goes where: SO and WORKER,
# the files that were built; LUA, which the command is to run; DESTDIR, put
# before every path that is written; and the folders PREFIX, LUADIR, LIBDIR,
# BINDIR, INCLUDEDIR, PKGCONFIGDIR, MANDIR, DOCDIR.
#
# FINAL_LUADIR and FINAL_LIBDIR are where the modules are once everything is
# done: not LUADIR and LIBDIR where LuaRocks moves them from there.
set -eu
umask 022
cd "$(dirname "$0")/../.."
job=$1

for folder in "$PREFIX" "$LUADIR" "$LIBDIR" "$BINDIR" "$INCLUDEDIR" \
              "$PKGCONFIGDIR" "$MANDIR" "$DOCDIR"; do
  case $folder in
    /* | '') ;;
    *) echo "install: '$folder' is not a path from the root on" >&2; exit 2 ;;
  esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Everything that is installed passes through here, so that one list serves all
# three jobs.
put() {  # mode, folder, file ...
  mode=$1 folder=$2
  shift 2
  printf '%s\n' "$folder" >>"$work/folders"
  [ "$job" != install ] || install -d "$DESTDIR$folder"
  for file in "$@"; do
    path=$folder/${file##*/}
    case $job in
      install) install -m "$mode" "$file" "$DESTDIR$folder/" ;;
      uninstall) rm -f "$DESTDIR$path" ;;
      list) printf '%s\n' "$path" ;;
    esac
  done
}

put_tree() {  # folder, folder of the source with all below it, names of files
  for source in $(find "$2" -type d | sort); do
    printf '%s\n' "$1${source#"$2"}" >>"$work/folders"
    files=$(find "$source" -maxdepth 1 -type f -name "$3" | sort)
    # shellcheck disable=SC2086 # a list of files
    [ -z "$files" ] || put 644 "$1${source#"$2"}" $files
  done
}

# Folders of ours alone, if nobody has put anything else into them.
remove_folders() {
  sort -ru "$work/folders" | while read -r folder; do
    case $folder in
      "$LIBDIR"/tandem* | "$LUADIR"/tandem* | "$DOCDIR" | "$DOCDIR"/*)
        rmdir "$DESTDIR$folder" 2>/dev/null || true ;;
    esac
  done
}

# The way from one folder to another, which DESTDIR does not change.
way() {  # from, to
  from=$1 up=
  while [ "${2#"$from"/}" = "$2" ]; do
    from=${from%/*} up=../$up
  done
  printf '%s' "$up${2#"$from"/}"
}

# The command with the Lua of this machine in its first line, and with the way
# to its modules.
command_file() {
  case $LUA in
    /*) echo "#!$LUA" ;;
    *) echo "#!/usr/bin/env $LUA" ;;
  esac
  sed -e 1d -e "s|/\.\./share/lua/5\.4/|/$(way "$BINDIR" "$FINAL_LUADIR")/|" \
    scripts/tandem
}

place_file() {
  sed '/^return/d' scripts/tandem_cli/place.lua
  printf 'return "%s"\n' "$(way "$FINAL_LUADIR" "$FINAL_LIBDIR")"
}

# A folder below PREFIX as pkg-config likes it: PREFIX may be defined anew.
below_prefix() {
  case $1 in
    "$PREFIX"/*) printf '%s' "\${prefix}${1#"$PREFIX"}" ;;
    *) printf '%s' "$1" ;;
  esac
}

version() {
  sed -n 's/.*_VERSION = "tandem \(.*\)".*/\1/p' bindings/tandem/init.lua
}

# What a program needs to compile against tandem.h. It links nothing: Lua loads
# the C module, and the module tells where its functions are.
pkg_config_file() {
  cat <<END
prefix=$PREFIX
includedir=$(below_prefix "$INCLUDEDIR")
luadir=$(below_prefix "$FINAL_LUADIR")
cmoddir=$(below_prefix "$FINAL_LIBDIR")
worker=\${cmoddir}/tandem/tandem-worker

Name: tandem
Description: Lua 5.4 functions on threads and processes, with futures and map
Version: $(version)
Cflags: -I"\${includedir}"
Libs:
END
}

command_file >"$work/tandem"
place_file >"$work/place.lua"
pkg_config_file >"$work/tandem.pc"

put 644 "$LIBDIR/tandem" "$SO"
put 755 "$LIBDIR/tandem" "$WORKER"
put_tree "$LUADIR/tandem" bindings/tandem "*.lua"
put_tree "$LUADIR/tandem_cli" scripts/tandem_cli "*.lua"
put 644 "$LUADIR/tandem_cli" "$work/place.lua"
put_tree "$LUADIR/tandem_cli/tasks" scripts/tasks "*.lua"
put 755 "$BINDIR" "$work/tandem"
[ ! -f core/tandem.h ] || put 644 "$INCLUDEDIR" core/tandem.h
put 644 "$PKGCONFIGDIR" "$work/tandem.pc"
put 644 "$MANDIR/man1" docs/tandem.1
# As in the source tree, so that the links in README.md lead somewhere.
put 644 "$DOCDIR" LICENSE README.md CHANGELOG.md
put 644 "$DOCDIR/docs" docs/*.md docs/*.png
put_tree "$DOCDIR/examples" scripts/examples "*"

[ "$job" != uninstall ] || remove_folders
