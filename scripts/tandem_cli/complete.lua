--- What a line may go on with: commands, tasks, globals, fields, methods.
--
-- @module tandem_cli.complete
local core = require "tandem.core"

local catalogue = require "tandem_cli.catalogue"
local commands = require "tandem_cli.commands"

local M = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in
               local nil not or repeat return then true until while]])
            :gmatch("%a+") do
  KEYWORDS[#KEYWORDS + 1] = word
end

-- What the words behind a command may be.
local ARGUMENTS = {
  task = catalogue.names, help = commands.names,
  pool = function() return { "threads", "processes", "one_lock", "serial" } end,
}

local function starting_with(names, start, prefix)
  local found = {}
  for _, name in ipairs(names) do
    if name:sub(1, #start) == start then found[#found + 1] = prefix .. name end
  end
  table.sort(found)
  return found
end

-- Raw: completing must run nobody's code.
local function add_fields(names, value)
  for key in next, value do
    if type(key) == "string" and key:find("^[%a_][%w_]*$") then
      names[#names + 1] = key
    end
  end
end

-- The tables behind a value in which its fields are found.
local function tables_of(value)
  local list = {}
  if core.is_pool(value) then return { core.pool_methods } end
  if type(value) == "table" then list[1] = value end
  local metatable = debug.getmetatable(value)
  local index = type(metatable) == "table"
    and (rawget(metatable, "__index") or rawget(metatable, "__methods"))
  if type(index) == "table" then list[#list + 1] = index end
  return list
end

local function field(value, name)
  for _, fields in ipairs(tables_of(value)) do
    local found = rawget(fields, name)
    if found ~= nil then return found end
  end
end

-- What "a.b." stands for; nil where it is nothing.
local function owner(path)
  local value = _G
  for name in path:gmatch("[%a_][%w_]*") do
    value = field(value, name)
    if value == nil then return nil end
  end
  return value
end

local function of_lua(word, before)
  local path, start = word:match("^(.*[.:])([%w_]*)$")
  if not path then path, start = "", word end
  local names = {}
  if path == "" then
    add_fields(names, _G)
    table.move(KEYWORDS, 1, #KEYWORDS, #names + 1, names)
  else
    local value = owner(path)
    if value == nil then return {} end
    for _, fields in ipairs(tables_of(value)) do add_fields(names, fields) end
  end
  return starting_with(names, start, before .. path)
end

--- Completes the last word of a line.
-- @tparam string line up to the cursor
-- @tparam integer from where the word begins that is to be replaced
-- @treturn {string,...} what may stand there instead
function M.complete(line, from)
  local name = line:match("^:(%S*)$")
  if name then return starting_with(commands.names(), name, ":") end
  local command, argument = line:match("^:(%S+)%s+(%S*)$")
  if command and ARGUMENTS[command] then
    return starting_with(ARGUMENTS[command](), argument, "")
  end
  local word = line:match("[%a_][%w_.:]*$") or ""
  if word == "" and line:find("[%w%)%]\"'.:]$") then return {} end
  -- Readline's words may begin earlier: "x+y" is one of them.
  return of_lua(word, line:sub(from, #line - #word))
end

return M
