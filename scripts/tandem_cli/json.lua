--- JSON by lua-cjson, with numbers that survive.
--
-- lua-cjson has floats only and writes fourteen digits of them. Here integers
-- stay integers both ways, and every number is written with as many digits as
-- it takes to read it back.
--
-- @module tandem_cli.json
local M = {}

-- Up to here a double tells every integer from the next.
local EXACT = 1 << 53

local codec

--- Loads lua-cjson.
-- @treturn ?string what is wrong, or nil
function M.load()
  local loaded, cjson = pcall(require, "cjson")
  if not loaded then
    return "JSON needs lua-cjson: apt install lua-cjson, or luarocks install "
           .. "lua-cjson"
  end
  codec = cjson.new()
  codec.decode_invalid_numbers(false)
  M.null = cjson.null
end

-- Integral floats to integers, in place: the tables are fresh from lua-cjson.
local function integers(value)
  if math.type(value) == "float" then
    local integer = math.tointeger(value)
    local exact = integer and -EXACT <= integer and integer <= EXACT
    return exact and integer or value
  elseif type(value) == "table" then
    for key, field in next, value do value[key] = integers(field) end
  end
  return value
end

--- Decodes one JSON value.
-- @tparam string text
-- @treturn boolean whether the text is JSON
-- @return the value, or what is wrong
function M.decode(text)
  local ok, value = pcall(codec.decode, text)
  if ok then value = integers(value) end
  return ok, value
end

-- What lua-cjson would print of a number.
local function survives(number)
  return tonumber(("%.14g"):format(number)) == number
end

local function is_finite(number)
  return number - number == 0
end

-- The shortest text that reads back as the same number.
local function exact(number)
  if math.type(number) == "integer" then return ("%d"):format(number) end
  local text
  for digits = 15, 17 do
    text = ("%%.%dg"):format(digits):format(number)
    if tonumber(text) == number then break end
  end
  return text
end

local function needs_marks(value, seen)
  if type(value) == "number" then return not survives(value) end
  if type(value) ~= "table" or seen[value] then return false end
  seen[value] = true
  for _, field in next, value do
    if needs_marks(field, seen) then return true end
  end
  return false
end

-- A string that nobody else uses stands for a number in what lua-cjson gets;
-- its quotes are taken off afterwards.
local mark = ("number-%016x-"):format(math.random(0))
local marked = '"' .. mark:gsub("%-", "%%-") .. '([^"]+)"'

local function with_marks(value, depth)
  if type(value) == "number" then
    -- What is not finite is left for lua-cjson to complain about.
    local plain = survives(value) or not is_finite(value)
    return plain and value or mark .. exact(value)
  elseif type(value) ~= "table" or depth > 1000 then
    return value
  end
  local copy = {}
  for key, field in next, value do copy[key] = with_marks(field, depth + 1) end
  return copy
end

--- Encodes a value.
-- @param value
-- @treturn boolean whether JSON can say it
-- @treturn string one line, or what is wrong
function M.encode(value)
  if not needs_marks(value, {}) then return pcall(codec.encode, value) end
  local ok, text = pcall(codec.encode, with_marks(value, 0))
  if ok then text = text:gsub(marked, "%1") end
  return ok, text
end

return M
