rockspec_format = "3.0"
package = "tandem"
version = "0.1.0-1"
source = {
  -- Built where it lies: `luarocks make` in a checkout.
  url = "file://.",
}
description = {
  summary = "Lua functions on threads, with futures and a parallel map",
  detailed = [[
tandem runs Lua functions on a pool of OS threads, each with a Lua state of its
own, truly in parallel. It offers futures, map and reduce, callbacks, and a
command with a prompt to try them from.]],
  license = "MIT",
}
supported_platforms = { "unix" }
dependencies = {
  "lua ~> 5.4",
  -- The command alone wants these two; the library needs only Lua.
  "argparse >= 0.7",
  "lua-cjson >= 2.1",
}
build = {
  type = "builtin",
  modules = {
    ["tandem.core"] = {
      sources = {
        -- sources begin (written by scripts/dev/check-rockspec.lua --fix)
        "bindings/chunk.c",
        "bindings/chunk_run.c",
        "bindings/client.c",
        "bindings/decode.c",
        "bindings/encode.c",
        "bindings/encode_object.c",
        "bindings/encode_refuse.c",
        "bindings/encode_table.c",
        "bindings/encode_value.c",
        "bindings/failure.c",
        "bindings/future.c",
        "bindings/inside.c",
        "bindings/known.c",
        "bindings/load.c",
        "bindings/mapping.c",
        "bindings/module.c",
        "bindings/pool.c",
        "bindings/pool_new.c",
        "bindings/pool_stats.c",
        "bindings/pool_submit.c",
        "bindings/pump.c",
        "bindings/runner.c",
        "bindings/seen.c",
        "core/buf.c",
        "core/clock.c",
        "core/cpu.c",
        "core/error.c",
        "core/executor.c",
        "core/fork.c",
        "core/func.c",
        "core/inbox.c",
        "core/lock.c",
        "core/mem.c",
        "core/park.c",
        "core/port.c",
        "core/queue.c",
        "core/serial.c",
        "core/slab.c",
        "core/tally.c",
        "core/task.c",
        "core/threads.c",
        "core/worker.c",
        -- sources end
      },
      incdirs = { "core", "bindings" },
      defines = { "_GNU_SOURCE" },
      libraries = { "pthread" },
      -- The one field of this build type whose text reaches the linker as an
      -- option of its own (-Wl,-rpath,TEXT), so the options of the Makefile
      -- ride on it: the module must stay mapped while its threads live, and
      -- shows one symbol. $ORIGIN, its own directory, is a harmless rpath.
      libdirs = {
        "$ORIGIN,-z,nodelete,-z,now,-z,relro,"
          .. "--version-script=bindings/exports.map",
      },
    },
    -- modules begin (written by scripts/dev/check-rockspec.lua --fix)
    ["tandem.check"] = "bindings/tandem/check.lua",
    ["tandem.futures"] = "bindings/tandem/futures.lua",
    ["tandem"] = "bindings/tandem/init.lua",
    ["tandem.map"] = "bindings/tandem/map.lua",
    ["tandem.measure"] = "bindings/tandem/measure.lua",
    ["tandem.pool"] = "bindings/tandem/pool.lua",
    ["tandem.progress"] = "bindings/tandem/progress.lua",
    ["tandem.range"] = "bindings/tandem/range.lua",
    ["tandem.search"] = "bindings/tandem/search.lua",
    ["tandem.source"] = "bindings/tandem/source.lua",
    ["tandem_cli.batch"] = "scripts/tandem_cli/batch.lua",
    ["tandem_cli.commands"] = "scripts/tandem_cli/commands.lua",
    ["tandem_cli.failure"] = "scripts/tandem_cli/failure.lua",
    ["tandem_cli.input"] = "scripts/tandem_cli/input.lua",
    ["tandem_cli.json"] = "scripts/tandem_cli/json.lua",
    ["tandem_cli.lines"] = "scripts/tandem_cli/lines.lua",
    ["tandem_cli.main"] = "scripts/tandem_cli/main.lua",
    ["tandem_cli.map"] = "scripts/tandem_cli/map.lua",
    ["tandem_cli.options"] = "scripts/tandem_cli/options.lua",
    ["tandem_cli.paths"] = "scripts/tandem_cli/paths.lua",
    ["tandem_cli.printer"] = "scripts/tandem_cli/printer.lua",
    ["tandem_cli.progress"] = "scripts/tandem_cli/progress.lua",
    ["tandem_cli.repl"] = "scripts/tandem_cli/repl.lua",
    ["tandem_cli.run"] = "scripts/tandem_cli/run.lua",
    ["tandem_cli.terminal"] = "scripts/tandem_cli/terminal.lua",
    ["tandem_cli.tasks.files"] = "scripts/tasks/files.lua",
    ["tandem_cli.tasks.hash"] = "scripts/tasks/hash.lua",
    ["tandem_cli.tasks.http"] = "scripts/tasks/http.lua",
    ["tandem_cli.tasks.http_server"] = "scripts/tasks/http_server.lua",
    ["tandem_cli.tasks.primes"] = "scripts/tasks/primes.lua",
    ["tandem_cli.tasks.roots"] = "scripts/tasks/roots.lua",
    ["tandem_cli.tasks.sleep"] = "scripts/tasks/sleep.lua",
    -- modules end
  },
  install = { bin = { "scripts/tandem" } },
}
