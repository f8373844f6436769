--- The command's entry: reads the options, calls what was asked for.
--
-- Every command is a module with one function `start(options, arguments)`
-- that returns the exit status; it is loaded only when it is called for.
--
-- @module tandem_cli.main
local failure = require "tandem_cli.failure"

local M = {}

-- As a shell tells it of a command that SIGINT ended.
local INTERRUPTED = 130

local COMMANDS = {
  run = "tandem_cli.run",
  map = "tandem_cli.map",
  bench = "tandem_cli.bench",
}

local REPL = "tandem_cli.repl"

-- A library that was not built or not found is the most likely trouble of a
-- first start, so it gets an answer of its own.
local function library()
  local loaded, tandem = pcall(require, "tandem")
  if loaded then return tandem end
  io.stderr:write("tandem: the library cannot be loaded (in the source tree, ",
                  "has `make` been run?)\n", tostring(tandem), "\n")
end

local function call_command(arguments)
  local tandem = library()
  if not tandem then return 1 end
  require("tandem.core").end_by_interrupts()
  if #arguments == 0 then return require(REPL).start() end
  local options = require("tandem_cli.options").parse(arguments, tandem)
  local command = COMMANDS[options.command] or REPL
  return require(command).start(options, arguments)
end

--- Runs the command line.
-- @tparam {string,...} arguments as in the global `arg`
-- @treturn integer the exit status: that of the command, or 130 after a Ctrl-C
function M.main(arguments)
  local ok, status = xpcall(call_command, failure.traceback, arguments)
  if ok then return status end
  local interrupted = failure.is_interruption(status)
  local told = interrupted and "interrupted!" or status
  io.stderr:write("tandem: ", told, "\n")
  return interrupted and INTERRUPTED or 1
end

return M
