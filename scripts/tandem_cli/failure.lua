--- Error values told to people and to programs.
--
-- @module tandem_cli.failure
local tandem = require "tandem"

local M = {}

-- One line for any error value, also for one whose __tostring fails.
local function text_of(problem)
  local ok, text = pcall(tostring, problem)
  return ok and text or ("(error object is a %s value)"):format(type(problem))
end

local function speaks(problem)
  if type(problem) == "string" or type(problem) == "number" then return true end
  local metatable = debug.getmetatable(problem)
  return type(metatable) == "table" and metatable.__tostring ~= nil
end

--- A message handler: the error with its traceback, as the stand-alone Lua
-- reports it, without the frames of this command.
-- @param problem any error value
-- @treturn string
function M.traceback(problem)
  if not speaks(problem) then
    return ("(error object is a %s value)"):format(type(problem))
  end
  local report = debug.traceback(text_of(problem), 2)
  return (report:gsub("\n%s*%[C%]: in function 'xpcall'.*", ""))
end

--- An error as a table that JSON can carry.
-- @param problem any error value
-- @treturn table `{ kind =, message = }`; what a task raised itself has the
--   kind "task"
function M.describe(problem)
  if tandem.is_error(problem) then
    return { kind = problem.kind, message = problem.message }
  end
  return { kind = "task", message = text_of(problem) }
end

return M
