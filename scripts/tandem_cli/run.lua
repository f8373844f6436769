--- `tandem run FILE [ARG ...]`: a script as the stand-alone Lua runs it.
--
-- @module tandem_cli.run
local failure = require "tandem_cli.failure"

local M = {}

-- The script sees `arg` as under `lua FILE ARG ...`: itself at 0, and what
-- came before it on the command line at the negative indices.
local function script_arg(options, command_line)
  local script = { [0] = options.file, table.unpack(options.args) }
  local before = #command_line - #options.args - 1
  for i = before, command_line[-1] and -1 or 0, -1 do
    script[i - before - 1] = command_line[i]
  end
  return script
end

--- Runs a script.
-- @tparam table options `file`, `args`
-- @tparam {string,...} command_line the command's own `arg`
-- @treturn integer 0, or 1 where the script failed
-- @raise what a Ctrl-C raised in the script
function M.start(options, command_line)
  local file = options.file ~= "-" and options.file or nil
  local script, problem = loadfile(file)
  if not script then
    io.stderr:write("tandem: ", problem, "\n")
    return 1
  end
  rawset(_G, "arg", script_arg(options, command_line))
  local ok, report = xpcall(script, failure.traceback,
                            table.unpack(options.args))
  if ok then return 0 end
  if failure.is_interruption(report) then error(report, 0) end
  io.stderr:write("tandem: ", report, "\n")
  return 1
end

return M
