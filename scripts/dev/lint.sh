#!/bin/sh
# lint.sh -- every check that needs no running test, one after another.
#
# A failing step does not hide the ones after it. A step is left out, and says
# so, only where its tool is missing and cannot be installed.
set -u
cd "$(dirname "$0")/../.." || exit 1
make=${MAKE:-make}
skipped=
failed=

scripts/dev/setup.sh lint || echo "lint: going on without some of the tools"

step() {  # name, tool, command...
  name=$1 tool=$2
  shift 2
  if ! command -v "$tool" >/dev/null 2>&1; then
    echo "-- $name: LEFT OUT, there is no $tool here"
    skipped="$skipped $name"
    return
  fi
  echo "-- $name"
  "$@" || failed="$failed $name"
}

c_files() { find core bindings tests -name '*.c'; }
c_and_headers() { find core bindings tests -name '*.[ch]'; }
format() { c_and_headers | xargs clang-format --dry-run -Werror; }

# GCC's warnings as errors, on the objects that the layer check then reads.
warnings() {
  rm -rf build/lint build/obj/lint # no leftover of a file that is gone
  $make MODE=lint all
}

tidy() {
  flags=$($make lint-flags) || return 1
  # shellcheck disable=SC2086 # a list of flags
  c_files | xargs -P "$(nproc)" -n 4 sh -c \
    'clang-tidy --quiet "$@" -- '"$flags"' 2>&1' tidy |
    grep -vE '^[0-9]+ warnings? (and [0-9]+ errors? )?generated|^Suppressed|^Use -header' \
      >"$work/tidy"
  cat "$work/tidy"
  ! grep -qE '(error|warning):' "$work/tidy"
}

check_c() {
  cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
    --enable=warning,performance,portability --suppress=missingInclude \
    -Icore -Ibindings -D_GNU_SOURCE core bindings
}

layers() { scripts/dev/check-layers.sh build/obj/lint build/lint/tandem/core.so; }

with_build() {  # script: run it on the build that `warnings` made
  lua=$(scripts/dev/lua.sh) || return 1
  (eval "$(scripts/dev/env.sh build/lint)" && "$lua" "$1")
}

shells() { shellcheck .ci/run scripts/dev/*.sh scripts/install/*.sh; }

manual() {
  mandoc -T lint -W warning docs/tandem.1 && with_build scripts/dev/check-man.lua
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

step warnings cc warnings
step layers nm layers
step format clang-format format
step clang-tidy clang-tidy tidy
step cppcheck cppcheck check_c
step luacheck luacheck luacheck -q .
step shellcheck shellcheck shells
step docs "$(scripts/dev/lua.sh || echo lua5.4)" \
  with_build scripts/dev/check-docs.lua
step snippets "$(scripts/dev/lua.sh || echo lua5.4)" \
  with_build scripts/dev/check-snippets.lua
step manual mandoc manual
step rockspec "$(scripts/dev/lua.sh || echo lua5.4)" \
  with_build scripts/dev/check-rockspec.lua

[ -z "$skipped" ] || echo "lint: left out:$skipped"
if [ -n "$failed" ]; then
  echo "lint: FAILED:$failed"
  exit 1
fi
echo "lint: clean"
