--- A chart of horizontal bars, an eighth of a character fine.
--
-- @module tandem_cli.lab.bars
local text = require "tandem_cli.lab.text"

local M = {}

local EIGHTHS = { "▏", "▎", "▍", "▌", "▋", "▊", "▉" }

--- One bar.
-- @tparam number share of the width, 0 to 1
-- @tparam integer width
-- @treturn string
function M.bar(share, width)
  local eighths = math.floor(math.max(0, math.min(share, 1)) * width * 8 + 0.5)
  -- What is not nothing is seen.
  if eighths == 0 and share > 0 then eighths = 1 end
  return ("█"):rep(eighths // 8) .. (EIGHTHS[eighths % 8] or "")
end

local function widest(rows, field)
  local width = 0
  for _, row in ipairs(rows) do
    width = math.max(width, utf8.len(row[field] or ""))
  end
  return width
end

local function greatest(rows)
  local value = 0
  for _, row in ipairs(rows) do value = math.max(value, row.value) end
  return value > 0 and value or 1
end

local function line(session, row, layout)
  local pad = layout.left and text.left or text.right
  local bar = M.bar(row.value / layout.whole, layout.room)
  return ("%s %s %s%s"):format(pad(row.label, layout.label),
    text.paint(session, row.colour or "blue", bar), row.figure,
    row.note and " " .. row.note or "")
end

--- Draws rows of bars.
-- @tparam table session `width`, `colour`
-- @tparam {table,...} rows `{ label, value, figure, note, colour }`
-- @tparam ?table options `whole`, the value of a full bar, by default the
--   greatest; `left` puts labels on the left
-- @treturn string lines, each with its end
function M.draw(session, rows, options)
  local label = widest(rows, "label")
  local tail = widest(rows, "figure") + widest(rows, "note") + 2
  local layout = {
    label = label, whole = options and options.whole or greatest(rows),
    left = options and options.left,
    room = math.max(4, math.min(60, session.width - label - tail - 2)),
  }
  local lines = {}
  for i, row in ipairs(rows) do lines[i] = line(session, row, layout) end
  return table.concat(lines, "\n") .. "\n"
end

return M
