--- Values as a person wants to see them at a prompt.
--
-- Written like Lua constructors, bounded in every direction and in all, and by
-- raw access only: looking at a value must not run its code, but for
-- __tostring.
--
-- @module tandem_cli.printer
local core = require "tandem.core"

local figures = require "tandem_cli.figures"

local M = {}

local MAX_DEPTH = 4
local MAX_FIELDS = 24
local MAX_STRING = 240

-- Fields of all tables of a value: what is more would scroll away.
local MOST_FIELDS = 200

-- Columns, where nobody says how many there are.
local WIDTH = 80

-- Columns that stay free on the right.
local MARGIN = 4

-- Keys beyond these are counted, not sorted.
local MAX_SORTED = 1000

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in
               local nil not or repeat return then true until while]])
            :gmatch("%a+") do
  KEYWORDS[word] = true
end

local ESCAPES = {
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\",
  ['"'] = '\\"',
}

-- So many bytes, or a few less where that is within a character.
local function first_bytes(text, n)
  local _, bad = utf8.len(text:sub(1, n))
  local whole = bad and bad > n - 4 and utf8.len(text, bad, bad)
  return text:sub(1, whole and bad - 1 or n)
end

-- Control characters never reach the terminal; bytes above them do, as UTF-8
-- where the whole string is that.
local function quoted(text)
  local rest = ""
  if #text > MAX_STRING then
    rest = (" ... (%d bytes)"):format(#text)
    text = first_bytes(text, MAX_STRING)
  end
  local unsafe = utf8.len(text) and '[%c"\\]' or '[%c"\\\128-\255]'
  local escaped = text:gsub(unsafe, function(char)
    return ESCAPES[char] or ("\\%03d"):format(char:byte())
  end)
  return '"' .. escaped .. '"' .. rest
end

local function has_tostring(value)
  local metatable = debug.getmetatable(value)
  return type(metatable) == "table" and rawget(metatable, "__tostring") ~= nil
end

local function times_of(info)
  local facts = {}
  if info.started and info.queued then
    facts[1] = "waited " .. figures.seconds(info.started - info.queued)
  end
  if info.finished and info.started then
    facts[2] = "ran " .. figures.seconds(info.finished - info.started)
    facts[3] = "worker " .. info.worker
  end
  return facts
end

-- "<future of math:sqrt: done, waited 12.1 µs, ran 3.05 µs, worker 1>", and the
-- error of one that failed.
local function future_text(future)
  local info = future:info()
  local facts = times_of(info)
  table.insert(facts, 1, info.status)
  local shown = ("<future%s: %s>"):format(
    info.task and " of " .. info.task or "", table.concat(facts, ", "))
  if info.status ~= "failed" then return shown end
  local problem = future:error(0)
  local said = type(problem) == "string" and problem or M.show(problem)
  return shown .. " " .. said:match("^[^\n]*")
end

local function plain(value)
  if type(value) == "string" then return quoted(value) end
  if core.is_future(value) then return future_text(value) end
  local ok, text = pcall(tostring, value)
  return ok and text or ("<%s, its __tostring fails>"):format(type(value))
end

local RANK = { number = 1, string = 2 }

-- Numbers, then strings, each in order; then anything else, as it comes: it
-- may look like nothing, or each time like something else.
local function before(a, b)
  local rank_a, rank_b = RANK[type(a)] or 3, RANK[type(b)] or 3
  if rank_a ~= rank_b then return rank_a < rank_b end
  return rank_a < 3 and a < b
end

-- The keys that are not part of the list from 1 to length, and how many more
-- there are than those.
local function other_keys(value, length)
  local keys, more = {}, 0
  for key in next, value do
    local in_list = math.type(key) == "integer" and key >= 1 and key <= length
    if not in_list then
      if #keys < MAX_SORTED then keys[#keys + 1] = key else more = more + 1 end
    end
  end
  table.sort(keys, before)
  return keys, more
end

local show

local function show_key(key, view, depth)
  if type(key) == "string" and key:find("^[%a_][%w_]*$")
     and not KEYWORDS[key] then
    return key .. " = "
  end
  return "[" .. show(key, view, depth, 0) .. "] = "
end

-- The fields of a table, each as text, and the count of those left out.
local function fields_of(value, view, depth, indent)
  local fields, length = {}, 0
  while rawget(value, length + 1) ~= nil do length = length + 1 end
  for i = 1, math.min(length, MAX_FIELDS) do
    view.left = view.left - 1
    fields[i] = show(rawget(value, i), view, depth, indent)
  end
  local left_out = math.max(0, length - MAX_FIELDS)
  local keys, more = other_keys(value, length)
  for _, key in ipairs(keys) do
    if #fields < MAX_FIELDS then
      view.left = view.left - 1
      fields[#fields + 1] = show_key(key, view, depth)
        .. show(rawget(value, key), view, depth, indent)
    else
      left_out = left_out + 1
    end
  end
  return fields, left_out + more
end

-- Sets the fields under one another, several in a line where they fit.
local function stack(fields, indent, room)
  local margin = (" "):rep(indent + 2)
  local lines, line = {}, nil
  for i, field in ipairs(fields) do
    local comma = i < #fields and "," or ""
    local fits = line and not field:find("\n")
      and #line + #field + 2 <= room
    if fits then
      line = line .. " " .. field .. comma
    else
      lines[#lines + 1] = line
      line = margin .. field .. comma
    end
  end
  lines[#lines + 1] = line
  return "{\n" .. table.concat(lines, "\n") .. "\n" .. margin:sub(3) .. "}"
end

local function show_table(value, view, depth, indent)
  if view.seen[value] then return "<cycle>" end
  if next(value) == nil then return "{}" end
  if depth >= MAX_DEPTH or view.left <= 0 then return "{...}" end
  view.seen[value] = true
  local fields, left_out = fields_of(value, view, depth + 1, indent + 2)
  view.seen[value] = nil
  if left_out > 0 then
    fields[#fields + 1] = ("... (%d more)"):format(left_out)
  end
  local line = "{ " .. table.concat(fields, ", ") .. " }"
  if indent + #line <= view.room and not line:find("\n") then return line end
  return stack(fields, indent, view.room)
end

function show(value, view, depth, indent)
  if type(value) ~= "table" or has_tostring(value) then return plain(value) end
  return show_table(value, view, depth, indent)
end

--- Says a value in one line, or in a few.
-- @param value
-- @tparam[opt=80] integer width columns
-- @treturn string
function M.show(value, width)
  local view = { seen = {}, left = MOST_FIELDS,
                 room = (width or WIDTH) - MARGIN }
  return show(value, view, 0, 0)
end

return M
