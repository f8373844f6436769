--- Pictures: one task that waits for them, one that computes with them.
--
-- A picture is a table `{ width =, height =, pixels = }`; its pixels are a
-- string of as many bytes, row by row, from black (0) to white (255).
--
-- @module tasks.pictures
local tandem = require "tandem"

local M = {}

local SIDE = 384

-- From dark to light.
local SHADES = " .:-=+*#%@"

-- Rings around a place that depends on the number.
local function draw(number)
  local x0, y0 = SIDE * (number * 0.37 % 1), SIDE * (number * 0.61 % 1)
  local rows = {}
  for y = 1, SIDE do
    local row = {}
    for x = 1, SIDE do
      local distance = ((x - x0) ^ 2 + (y - y0) ^ 2) ^ 0.5
      row[x] = string.char(math.floor(128 + 127 * math.sin(distance / 30)))
    end
    rows[y] = table.concat(row)
  end
  return table.concat(rows)
end

--- Takes as long as a picture from afar, which it is drawn instead of.
-- @tparam integer number which picture
-- @treturn table the picture
function M.fetch(number)
  tandem.sleep(0.2)
  return { width = SIDE, height = SIDE, pixels = draw(number) }
end

-- The mean of a rectangle of pixels.
local function mean(picture, left, top, width, height)
  local sum = 0
  for y = top, top + height - 1 do
    local first = y * picture.width + left + 1
    for i = first, first + width - 1 do sum = sum + picture.pixels:byte(i) end
  end
  return sum / (width * height)
end

--- Shrinks a picture to letters.
-- @tparam table picture
-- @tparam integer width letters in a row; they are twice as high as wide
-- @treturn string the rows as lines
function M.thumbnail(picture, width)
  local step = picture.width // width
  local lines = {}
  for top = 0, picture.height - 2 * step, 2 * step do
    local line = {}
    for left = 0, (width - 1) * step, step do
      local light = mean(picture, left, top, step, 2 * step) / 256
      local shade = math.floor(light * #SHADES) + 1
      line[#line + 1] = SHADES:sub(shade, shade)
    end
    lines[#lines + 1] = table.concat(line)
  end
  return table.concat(lines, "\n")
end

M._tasks = {
  fetch = {
    kind = "io", about = "a picture, after the time that a network takes",
    args = { "number" }, example = { 3 },
  },
}

return M
