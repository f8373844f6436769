--- What `:task` understands: which function, and with which arguments.
--
-- The function is a name of the catalogue, "module:function", a function
-- written out, or the name of a global one. The arguments are Lua expressions,
-- between commas or blanks, in which `i` is the number of the item, from 1 on;
-- a word that is no expression is a string.
--
-- @module tandem_cli.choice
local core = require "tandem.core"

local catalogue = require "tandem_cli.catalogue"

local M = {}

-- How many of somebody's own tasks a run has, unless told otherwise.
local DEFAULT_COUNT = 100

local function compile(list)
  return load("local i = ... return " .. list, "=arguments", "t")
end

-- A word by itself: an expression that means something, or else a string.
local function word_expression(word)
  local name = word:match("^[%a_][%w_]*$")
  local known = not name or name == "i" or name == "nil" or name == "true"
    or name == "false" or rawget(_G, name) ~= nil
  if known and load("return " .. word, "=", "t") then return word end
  return ("%q"):format(word)
end

--- Arguments for every item from what was typed.
-- @tparam string text
-- @treturn function called with the item's number
function M.arguments(text)
  local whole = text:find("[,%({]") and compile(text)
  if whole then return whole end
  local words = {}
  for word in text:gmatch("[^%s,]+") do
    words[#words + 1] = word_expression(word)
  end
  return assert(compile(table.concat(words, ", ")))
end

local function number_of_item(i) return i end

local function from_catalogue(entry, text)
  return {
    name = entry.name, task = entry.task, n = entry.n,
    about = entry.about,
    args_of = text ~= "" and function() return M.arguments(text) end
      or entry.args,
  }
end

local function own(name, task, text)
  local args = text ~= "" and M.arguments(text) or number_of_item
  return { name = name, task = task, n = DEFAULT_COUNT,
           args_of = function() return args end }
end

-- What submit would say of it, without its "bad argument #1 to 'submit'".
local function check(task)
  local complaint = core.check_task(task, 1, "submit")
  if not complaint then return end
  error(complaint:match("^bad argument.-%((.*)%)$") or complaint, 0)
end

local function written_out(text)
  local make, problem = load("return " .. text, "=task", "t")
  if not make then error("not a function: " .. problem, 0) end
  local fn = make()
  check(fn)
  return own("function(i)", fn, "")
end

local function from_global(name, text)
  local value = rawget(_G, name)
  if type(value) ~= "function" then return nil end
  if debug.getinfo(value, "S").what == "C" then
    return own(name, "_G:" .. name, text)
  end
  check(value)
  return own(name, value, text)
end

--- Is this the beginning of a function whose end is still to come?
-- @tparam string text what follows `:task`
-- @treturn boolean
function M.is_unfinished(text)
  if not text:find("^function%s*%(") then return false end
  local _, problem = load("return " .. text, "=task", "t")
  return problem ~= nil and problem:sub(-5) == "<eof>"
end

--- Understands what follows `:task`.
-- @tparam string text
-- @treturn table `{ name =, task =, n =, args_of(session) =, about = }`
-- @raise a message for the person who typed it
function M.understand(text)
  if text:find("^function%s*%(") then return written_out(text) end
  local name, rest = text:match("^(%S+)%s*(.*)$")
  local entry = catalogue.find(name)
  if entry then return from_catalogue(entry, rest) end
  if name:find(":", 1, true) then
    check(name)
    return own(name, name, rest)
  end
  return from_global(name, rest)
    or error(("there is no task '%s'%s\n:tasks shows those that there are; "
              .. "your own are \"module:function\", or global functions")
             :format(name, catalogue.hint(name)), 0)
end

return M
