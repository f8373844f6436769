--- Checks of arguments and options, with messages that name the culprit.
-- @module tandem.check
-- @local
local check = {}

local floor, huge = math.floor, math.huge
local mtype = math.type

--- Raises an argument error at the caller of the public function.
function check.fail(message, level)
  error(message, (level or 1) + 3)
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
  anything = function(v) return v end,
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

--- Checks one value.
-- @return the value as it is to be kept
function check.value(where, name, kind, v, level)
  local kept, expected = kind(v)
  if expected then
    check.fail(("bad %s in %s: expected %s, got %s"):format(
      name, where, expected, shown(v)), (level or 1) + 1)
  end
  return kept
end

--- Checks a table of options against a table of kinds.
-- @tparam string where the function that takes them
-- @tparam ?table options
-- @tparam table kinds name = function
-- @treturn table a copy with the values as they are to be kept
function check.options(where, options, kinds, level)
  level = (level or 1) + 1
  local kept = {}
  if options == nil then return kept end
  if type(options) ~= "table" then
    check.fail(("bad options of %s: expected a table, got %s"):format(
      where, shown(options)), level)
  end
  for name, v in pairs(options) do
    local kind = kinds[name]
    if not kind then
      check.fail(("unknown option %s of %s"):format(
        type(name) == "string" and "'" .. name .. "'" or shown(name), where),
        level)
    end
    kept[name] = check.value(where, "option '" .. name .. "'", kind, v, level)
  end
  return kept
end

return check
