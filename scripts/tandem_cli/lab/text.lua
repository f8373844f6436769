--- Text for a terminal: columns, colours, lines that are not too long.
--
-- Lengths count characters, not bytes.
--
-- @module tandem_cli.lab.text
local M = {}

--- Fills up with blanks on the right.
-- @tparam string text
-- @tparam integer width
-- @treturn string
function M.left(text, width)
  return text .. (" "):rep(width - utf8.len(text))
end

--- Fills up with blanks on the left.
-- @tparam string text
-- @tparam integer width
-- @treturn string
function M.right(text, width)
  return (" "):rep(width - utf8.len(text)) .. text
end

local CODES = { dim = 2, bold = 1, red = 31, green = 32, yellow = 33,
                blue = 34 }

--- Colours a text, where the session has colours. Nothing is said by colour
-- alone. Pad first: the codes have a length, and no width.
-- @tparam table session
-- @tparam string colour
-- @tparam string text
-- @treturn string
function M.paint(session, colour, text)
  if not session.colour then return text end
  return ("\27[%dm%s\27[0m"):format(CODES[colour], text)
end

--- Breaks sentences at blanks.
-- @tparam string text
-- @tparam integer width
-- @treturn string lines, each with its end
function M.wrap(text, width)
  local lines, line = {}, nil
  for word in text:gmatch("%S+") do
    local longer = line and line .. " " .. word
    if longer and utf8.len(longer) <= width then
      line = longer
    else
      lines[#lines + 1] = line
      line = word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n") .. "\n"
end

return M
