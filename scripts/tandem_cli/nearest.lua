--- What somebody meant who mistyped a name.
--
-- @module tandem_cli.nearest
local M = {}

-- The least number of letters to add, drop, replace, or swap with their
-- neighbour that makes one word of the other.
local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    rows[i] = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1,
                            rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
         and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = best
    end
  end
  return rows[#a][#b]
end

--- Finds the name that was most likely meant.
-- @tparam string word
-- @tparam {string,...} names
-- @treturn ?string nil where none comes near
function M.find(word, names)
  local found, least = nil, math.max(1, #word // 2) + 1
  for _, name in ipairs(names) do
    local begins = word ~= "" and name:sub(1, #word) == word
    local d = begins and 0 or distance(word, name)
    if d < least then found, least = name, d end
  end
  return found
end

--- The hint for a message: ", did you mean NAME?", or nothing.
-- @tparam string word
-- @tparam {string,...} names
-- @tparam[opt=""] string prefix put before the name
-- @treturn string
function M.hint(word, names, prefix)
  local name = M.find(word, names)
  return name and (", did you mean %s%s?"):format(prefix or "", name) or ""
end

return M
