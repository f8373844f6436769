--- Is a text well-formed XML? Elements, attributes, the five entities; a
-- document type in front. It is for pages of our own, so there are no
-- comments, no sections, no processing instructions in it.
local xml = {}

local function check_text(text)
  for at, name in text:gmatch("()&(%w*;?)") do
    if not name:find("^[lg]t;$") and name ~= "amp;" and name ~= "quot;" then
      error(("a bare & at %d"):format(at), 0)
    end
  end
end

local function attributes_of(text)
  local found = {}
  local rest = text:gsub('%s+([%w%-:]+)="([^"<]*)"', function(name, value)
    if found[name] then error("twice the attribute " .. name, 0) end
    check_text(value)
    found[name] = value
    return ""
  end)
  if rest:find("%S") then error("no attributes: " .. rest, 0) end
  return found
end

local function close(stack, name)
  local open = table.remove(stack)
  if open ~= name then
    error(("</%s> closes <%s>"):format(name, tostring(open)), 0)
  end
end

local function walk(text, visit)
  local stack, at = {}, 1
  while true do
    local first, last, closes, name, inside, empty =
      text:find("<(/?)([%a][%w]*)([^<>]-)(/?)>", at)
    check_text(text:sub(at, (first or 0) - 1))
    if not first then break end
    if text:sub(at, first - 1):find("[<>]") then
      error("a bare < or > after " .. at, 0)
    end
    if closes == "/" then
      close(stack, name)
    else
      visit(name, attributes_of(inside))
      if empty == "" then stack[#stack + 1] = name end
    end
    at = last + 1
  end
  if #stack > 0 then error("never closed: " .. table.concat(stack, " "), 0) end
end

--- Raises where it is not; else the number of elements of each name.
-- @tparam string text
-- @tparam ?function look called with each element's name and attributes
function xml.elements(text, look)
  local counts = {}
  walk(text:gsub("^<!DOCTYPE html>\n", ""), function(name, attributes)
    counts[name] = (counts[name] or 0) + 1
    if look then look(name, attributes) end
  end)
  return counts
end

return xml
