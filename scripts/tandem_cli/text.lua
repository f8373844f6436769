--- Text that fits a terminal.
--
-- @module tandem_cli.text
local M = {}

local COLOURS = { bold = 1, dim = 2, red = 31, green = 32, yellow = 33,
                  cyan = 36 }

--- Paints a text where that is wanted.
-- @tparam boolean colour
-- @tparam string name "bold", "dim", "red", "green", "yellow" or "cyan"
-- @tparam string text
-- @treturn string
function M.paint(colour, name, text)
  if not colour then return text end
  return ("\27[%dm%s\27[0m"):format(COLOURS[name], text)
end

--- How many columns a text takes, without the colours in it.
-- @tparam string text
-- @treturn integer
function M.width(text)
  local plain = text:gsub("\27%[%d*m", "")
  return utf8.len(plain) or #plain
end

--- Fills up with blanks on the right.
-- @tparam string text
-- @tparam integer width columns
-- @treturn string
function M.pad(text, width)
  return text .. (" "):rep(width - M.width(text))
end

-- Sets pieces side by side, and goes on in the next line where one does not
-- fit any more. The first line begins behind a label; `before` says how wide
-- that is, if not as the margin.
local function flow(pieces, gap, width, margin, before)
  local lines, line = {}, nil
  local used = (before or #margin) - #margin
  for _, piece in ipairs(pieces) do
    local more = M.width(piece)
    if line and used + #gap + more <= width - #margin then
      line, used = line .. gap .. piece, used + #gap + more
    else
      lines[#lines + 1] = line and line:gsub("%s+$", "") or nil
      line, used = piece, line and more or used + more
    end
  end
  lines[#lines + 1] = line and line:gsub("%s+$", "") or nil
  return table.concat(lines, "\n" .. margin)
end

--- Breaks a text between its words.
-- @tparam string text
-- @tparam integer width columns
-- @tparam[opt=0] integer indent of all lines but the first
-- @tparam[opt=indent] integer before columns that are taken in the first
-- @treturn string
function M.wrap(text, width, indent, before)
  local words = {}
  for word in text:gmatch("%S+") do words[#words + 1] = word end
  return flow(words, " ", width, (" "):rep(indent or 0), before)
end

--- A line of facts behind a label, in as many lines as it takes.
-- @tparam string label already as wide as the labels shall be
-- @tparam {string,...} facts
-- @tparam integer width columns
-- @treturn string
function M.row(label, facts, width)
  return label .. flow(facts, "  ", width, (" "):rep(M.width(label)))
end

--- What does not fit is cut off; for lines that are drawn over.
-- @tparam string text without colours
-- @tparam integer width columns
-- @treturn string
function M.cut(text, width)
  if M.width(text) <= width then return text end
  local plain = utf8.len(text) and utf8.offset(text, width + 1) or width + 1
  return text:sub(1, plain - 1)
end

return M
