rockspec_format = "3.0"
package = "tandem"
version = "0.1.0-1"
source = {
  -- Built where it lies: `luarocks make` in a checkout.
  url = "file://.",
}
description = {
  summary = "Lua functions on threads and processes, with futures and map",
  detailed = [[
tandem runs Lua functions on a pool of OS threads, each with a Lua state of its
own, truly in parallel; or of worker processes, where a crash hurts one task. It
offers futures, map and reduce, callbacks, and a command with a prompt to try
them from.]],
  license = "MIT",
}
supported_platforms = { "unix" }
dependencies = {
  "lua ~> 5.4",
  -- The command alone wants these two; the library needs only Lua.
  "argparse >= 0.7",
  "lua-cjson >= 2.1",
}
-- Not the `builtin` type: that one builds modules, and process pools need a
-- program beside the module. The Makefile knows how.
build = {
  type = "make",
  build_target = "rock",
  build_variables = {
    CFLAGS = "$(CFLAGS)",
    LUA_INC = "$(LUA_INCDIR)",
    LUA = "$(LUA)",
  },
  install_variables = {
    LUA_INC = "$(LUA_INCDIR)",
    LUA = "$(LUA)",
    PREFIX = "$(PREFIX)",
    BINDIR = "$(BINDIR)",
    LIBDIR = "$(LIBDIR)",
    LUADIR = "$(LUADIR)",
    -- PREFIX is the rock's own folder, where these four stay.
    DOCDIR = "$(PREFIX)/doc",
    MANDIR = "$(PREFIX)/man",
    INCLUDEDIR = "$(PREFIX)/include",
    PKGCONFIGDIR = "$(PREFIX)/pkgconfig",
    -- TREE/lib/luarocks/rocks-5.4/tandem/VERSION is five below the tree, into
    -- which LuaRocks moves the modules.
    FINAL_LUADIR = "$(PREFIX)/../../../../../share/lua/5.4",
    FINAL_LIBDIR = "$(PREFIX)/../../../../../lib/lua/5.4",
  },
}
