--- Error values told to people and to programs.
--
-- @module tandem_cli.failure
local printer = require "tandem_cli.printer"

local M = {}

local function speaks(problem)
  if type(problem) == "string" or type(problem) == "number" then return true end
  local metatable = debug.getmetatable(problem)
  return type(metatable) == "table" and metatable.__tostring ~= nil
end

--- Says any error value, also one whose __tostring fails: a table by what is
-- in it.
-- @param problem
-- @treturn string
function M.text(problem)
  if type(problem) == "table" and not speaks(problem) then
    return printer.show(problem)
  end
  local ok, text = pcall(tostring, problem)
  return ok and text or ("(error object is a %s value)"):format(type(problem))
end

-- As the stand-alone Lua says it; and of a table what is in it.
local function told(problem)
  if speaks(problem) then return M.text(problem) end
  local said = ("(error object is a %s value)"):format(type(problem))
  return type(problem) == "table" and said .. " " .. M.text(problem) or said
end

--- Is this what the stand-alone Lua raises after a Ctrl-C?
-- @param problem any error value
-- @treturn boolean
function M.is_interruption(problem)
  return type(problem) == "string" and problem:find("interrupted!$") ~= nil
end

-- The future that the function at a level of the stack was asked about: the C
-- functions `result` and `call` have it as their first value.
local function future_at(level)
  local info = debug.getinfo(level, "S")
  if not info or info.what ~= "C" then return nil end
  local _, value = debug.getlocal(level, 1)
  return require("tandem.core").is_future(value) and value or nil
end

-- Where in the worker it was raised, for an error that came with a future.
local function worker_traceback(level)
  local future = future_at(level)
  if not future or not future:done() then return "" end
  local _, traceback = future:error(0)
  if type(traceback) ~= "string" then return "" end
  local worker = future:info().worker
  return ("\nin worker %s, %s"):format(worker or "?", traceback)
end

--- A message handler: the error with its traceback, as the stand-alone Lua
-- reports it, without the frames of this command. A Ctrl-C is passed on as it
-- is: nobody made a mistake.
-- @param problem any error value
-- @treturn string
function M.traceback(problem)
  if M.is_interruption(problem) then return problem end
  local report = debug.traceback(told(problem), 2)
  return report:gsub("\n%s*%[C%]: in function 'xpcall'.*", "")
    .. worker_traceback(4)
end

--- A message handler for commands: what they raise as a message, without a
-- position, is for the person who typed the command; anything else has its
-- traceback.
-- @param problem any error value
-- @treturn string
function M.of_command(problem)
  local is_message = type(problem) == "string"
    and (problem:find("^arguments:%d+: ") or not problem:find("^[^%s:]+:%d+: "))
  if is_message or require("tandem").is_error(problem) then
    -- That it was a command who asked says nothing to who typed it.
    return (M.text(problem):gsub("^[^\n]-/tandem_cli/[%w_/]+%.lua:%d+: ", ""))
  end
  return M.traceback(problem)
end

--- An error as a table that JSON can carry.
-- @param problem any error value
-- @treturn table `{ kind =, message = }`; what a task raised itself has the
--   kind "task"
function M.describe(problem)
  if require("tandem").is_error(problem) then
    return { kind = problem.kind, message = problem.message }
  end
  return { kind = "task", message = M.text(problem) }
end

return M
