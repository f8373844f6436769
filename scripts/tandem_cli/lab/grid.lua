--- A table of text that fits the terminal.
--
-- Where it is too wide, whole columns go, the least important first: a cell
-- cut in half would be a wrong figure.
--
-- @module tandem_cli.lab.grid
local text = require "tandem_cli.lab.text"

local M = {}

local GAP = "  "

local function width_of(column, rows)
  local width = utf8.len(column.title)
  for _, row in ipairs(rows) do
    width = math.max(width, utf8.len(row[column.field]))
  end
  return width
end

local function total(columns, widths)
  local sum = (#columns - 1) * #GAP
  for _, column in ipairs(columns) do sum = sum + widths[column] end
  return sum
end

-- The place of the column that can be spared best.
local function least(columns)
  local place
  for i, column in ipairs(columns) do
    local rank = column.rank or 0
    if not place or rank >= (columns[place].rank or 0) then place = i end
  end
  return place
end

local function fitting(columns, widths, limit)
  local kept = table.move(columns, 1, #columns, 1, {})
  while #kept > 1 and total(kept, widths) > limit do
    table.remove(kept, least(kept))
  end
  return kept
end

local function line(columns, widths, cell)
  local cells = {}
  for i, column in ipairs(columns) do
    local pad = column.left and text.left or text.right
    cells[i] = pad(cell(column), widths[column])
  end
  return (table.concat(cells, GAP):gsub("%s+$", "")) .. "\n"
end

--- Sets a table.
-- @tparam {table,...} columns `{ field, title, rank, left }`; the column with
--   the highest rank goes first where there is no room; `left` aligns so
-- @tparam {table,...} rows field -> text
-- @tparam integer limit columns of the terminal
-- @treturn string lines, each with its end
function M.set(columns, rows, limit)
  local widths = {}
  for _, column in ipairs(columns) do
    widths[column] = width_of(column, rows)
  end
  local kept = fitting(columns, widths, limit)
  local lines = { line(kept, widths, function(c) return c.title end) }
  for i, row in ipairs(rows) do
    lines[i + 1] = line(kept, widths, function(c) return row[c.field] end)
  end
  return table.concat(lines)
end

return M
