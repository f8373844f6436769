--- Checks of arguments and options, with messages that name the culprit.
-- @module tandem.check
-- @local
local core = require "tandem.core"

local check = {}

local floor, huge = math.floor, math.huge
local mtype = math.type

-- Our own files, as a prefix of what debug.getinfo calls their source. A host
-- may have no debug library, and forbid the mention of globals it has not.
local getinfo = (core.loaded("debug") or {}).getinfo
local here = getinfo and getinfo(1, "S").source:match("^(.*)check%.lua$")

--- Where outside of tandem we were called from: "file:line: ", or "".
local function position()
  if not here then return "" end
  for level = 3, 30 do
    local info = getinfo(level, "Sl")
    if not info then return "" end
    if info.currentline > 0 and info.source:sub(1, #here) ~= here then
      return ("%s:%d: "):format(info.short_src, info.currentline)
    end
  end
  return ""
end

--- Raises an error of misuse, at the line of the user's call.
function check.fail(message)
  error(position() .. message, 0)
end

--- Raises an argument error in the manner of Lua's own.
function check.argument(n, where, complaint)
  check.fail(("bad argument #%d to '%s' (%s)"):format(n, where, complaint))
end

local function is_count(v)
  return mtype(v) == "integer" and v >= 1
    or mtype(v) == "float" and v >= 1 and v < huge and floor(v) == v
end

--- What an option may be: each takes the value and returns it as it is to be
-- kept, or nil and what was expected.
check.kinds = {
  count = function(v)
    if is_count(v) then return math.tointeger(v) end
    return nil, "a positive integer"
  end,
  seconds = function(v)
    if mtype(v) and v == v and v >= 0 then return v end
    return nil, "a number of seconds, not negative"
  end,
  number = function(v)
    if mtype(v) and v == v then return v end
    return nil, "a number"
  end,
  integer = function(v)
    local i = mtype(v) and math.tointeger(v)
    if i then return i end
    return nil, "an integer"
  end,
  string = function(v)
    if type(v) == "string" then return v end
    return nil, "a string"
  end,
  boolean = function(v)
    if type(v) == "boolean" then return v end
    return nil, "a boolean"
  end,
  table = function(v)
    if type(v) == "table" then return v end
    return nil, "a table"
  end,
  task = function(v)
    if type(v) == "string" or type(v) == "function" then return v end
    return nil, "a task (\"module:function\" or a function)"
  end,
}

--- A kind for one of several strings.
function check.one_of(...)
  local names, set = {}, {}
  for i, name in ipairs { ... } do
    set[name] = true
    names[i] = ("%q"):format(name)
  end
  local expected = table.concat(names, " or ")
  return function(v)
    if set[v] then return v end
    return nil, expected
  end
end

--- A kind that is a count or the word "auto".
function check.count_or_auto(v)
  if v == "auto" then return v end
  local n = check.kinds.count(v)
  if n then return n end
  return nil, "a positive integer or \"auto\""
end

local function shown(v)
  if type(v) == "string" then return ("%q"):format(v) end
  if type(v) == "number" then return tostring(v) end
  return "a " .. type(v)
end

--- Checks an argument.
-- @return the value as it is to be kept
function check.value(n, where, name, kind, v)
  local kept, expected = kind(v)
  if expected then
    check.argument(n, where, ("%sexpected %s, got %s"):format(
      name and name .. ": " or "", expected, shown(v)))
  end
  return kept
end

--- Checks that an argument is a task.
function check.task(n, where, task)
  local complaint = core.check_task(task, n, where)
  if complaint then check.fail(complaint) end
end

local function complain_of_option(where, name, expected, v)
  check.fail(("bad option '%s' to '%s' (expected %s, got %s)"):format(
    name, where, expected, shown(v)))
end

local function complain_of_name(where, name, kinds)
  local known = {}
  for k in pairs(kinds) do known[#known + 1] = k end
  table.sort(known)
  check.fail(("unknown option %s to '%s' (it takes %s)"):format(
    type(name) == "string" and "'" .. name .. "'" or shown(name), where,
    table.concat(known, ", ")))
end

--- Checks a table of options against a table of kinds.
-- @tparam integer n which argument it is
-- @tparam string where the function that takes them
-- @tparam ?table options
-- @tparam table kinds name = function
-- @treturn table a copy with the values as they are to be kept
function check.options(n, where, options, kinds)
  local kept = {}
  if options == nil then return kept end
  if type(options) ~= "table" then
    check.argument(n, where, "expected a table of options, got "
      .. shown(options))
  end
  for name, v in pairs(options) do
    local kind = kinds[name]
    if not kind then complain_of_name(where, name, kinds) end
    local value, expected = kind(v)
    if expected then complain_of_option(where, name, expected, v) end
    kept[name] = value
  end
  return kept
end

return check
