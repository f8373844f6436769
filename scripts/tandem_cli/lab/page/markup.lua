--- Elements of HTML and SVG as text.
--
-- Every element is closed and every attribute quoted, so that a page is
-- well-formed XML as well, which a program can check.
--
-- @module tandem_cli.lab.page.markup
local M = {}

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
                   ['"'] = "&quot;" }

--- Text that is text, whatever is in it.
-- @param value
-- @treturn string
function M.text(value)
  local text = tostring(value)
  -- A page is UTF-8, and control characters are no XML.
  if not utf8.len(text) then text = text:gsub("[\128-\255]", "?") end
  return (text:gsub("[%c]", " "):gsub('[&<>"]', ENTITIES))
end

local function attribute(value)
  if math.type(value) == "float" then return ("%.2f"):format(value) end
  return M.text(value)
end

--- An element.
-- @tparam string name
-- @tparam ?table attributes
-- @tparam ?string|{string,...} content markup, not text
-- @treturn string
function M.element(name, attributes, content)
  local names, parts = {}, { "<" .. name }
  for key in pairs(attributes or {}) do names[#names + 1] = key end
  table.sort(names)
  for _, key in ipairs(names) do
    parts[#parts + 1] = (' %s="%s"'):format(key, attribute(attributes[key]))
  end
  if type(content) == "table" then content = table.concat(content) end
  if not content then return table.concat(parts) .. "/>" end
  return table.concat(parts) .. ">" .. content .. "</" .. name .. ">"
end

--- A word or a figure in a drawing.
-- @tparam number x
-- @tparam number y
-- @param value
-- @tparam ?string class
-- @treturn string
function M.label(x, y, value, class)
  return M.element("text", { x = x, y = y, class = class }, M.text(value))
end

--- A line in a drawing.
-- @tparam number x1
-- @tparam number y1
-- @tparam number x2
-- @tparam number y2
-- @tparam string class
-- @treturn string
function M.line(x1, y1, x2, y2, class)
  return M.element("line", { x1 = x1, y1 = y1, x2 = x2, y2 = y2,
                             class = class })
end

--- A box in a drawing, with a text that shows where the mouse points.
-- @tparam table box `x`, `y`, `width`, `height`
-- @tparam string class
-- @tparam ?string title
-- @treturn string
function M.box(box, class, title)
  return M.element("rect", { x = box.x, y = box.y, width = box.width,
                             height = box.height, class = class },
    title and M.element("title", nil, M.text(title)))
end

--- A drawing with a heading.
-- @tparam string title
-- @tparam number width of its coordinates
-- @tparam number height
-- @tparam {string,...} content
-- @tparam ?string note a sentence below
-- @treturn string
function M.figure(title, width, height, content, note)
  local drawing = M.element("svg", {
    viewBox = ("0 0 %d %d"):format(width, height), role = "img",
    ["aria-label"] = title, xmlns = "http://www.w3.org/2000/svg",
  }, content)
  return M.element("figure", nil,
    M.element("figcaption", nil, M.text(title)) .. drawing
    .. (note and M.element("p", nil, M.text(note)) or ""))
end

return M
