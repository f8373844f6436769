--- The widths that a command is asked for.
--
-- @module tandem_cli.lab.widths
local M = {}

local MOST = 65535

--- Widths where none are given: in doublings around the number of cores, so
-- that tasks that compute and tasks that wait both show their knee.
-- @tparam integer cores
-- @treturn {integer,...}
function M.default(cores)
  local list, seen = {}, {}
  local function add(width)
    if not seen[width] then list[#list + 1] = width end
    seen[width] = true
  end
  add(1)
  add(2)
  for _, factor in ipairs { 1, 2, 4, 8 } do add(cores * factor) end
  table.sort(list)
  return list
end

local function whole(word)
  local n = math.tointeger(tonumber(word))
  return n and n >= 1 and n <= MOST and n
end

--- Reads them.
-- @tparam {string,...} words
-- @tparam integer cores what the defaults go by
-- @treturn ?{integer,...} sorted, each once
-- @treturn ?string what was wrong
function M.read(words, cores)
  if #words == 0 then return M.default(cores) end
  local list, seen = {}, {}
  for _, word in ipairs(words) do
    local n = whole(word)
    if not n then
      return nil, ("'%s' is no number of workers from 1 to %d")
        :format(word, MOST)
    end
    if not seen[n] then list[#list + 1] = n end
    seen[n] = true
  end
  table.sort(list)
  return list
end

return M
