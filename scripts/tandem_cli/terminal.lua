--- What a stream is connected to, and what may be written there.
--
-- @module tandem_cli.terminal
local core = require "tandem.core"

local M = {}

local DESCRIPTORS = { stdin = 0, stdout = 1, stderr = 2 }

-- Where nobody tells: a pipe, a file.
local DEFAULT_WIDTH = 80

-- Narrower than this nothing can be said.
local LEAST_WIDTH = 20

--- Says whether one of the standard streams is a terminal.
-- @tparam string name "stdin", "stdout" or "stderr"
-- @treturn boolean
function M.is_terminal(name)
  return core.is_terminal(DESCRIPTORS[name])
end

--- How wide the output is at this moment: a window may have changed.
-- @treturn integer columns
function M.width()
  return math.max(core.terminal_width(1) or DEFAULT_WIDTH, LEAST_WIDTH)
end

--- May the output move the cursor, and erase?
-- @treturn boolean
function M.has_escapes()
  local term = os.getenv("TERM") or ""
  return M.is_terminal("stdout") and term ~= "" and term ~= "dumb"
end

--- May the output have colours? NO_COLOR forbids them (https://no-color.org).
-- @treturn boolean
function M.has_colours()
  return M.has_escapes() and (os.getenv("NO_COLOR") or "") == ""
end

return M
