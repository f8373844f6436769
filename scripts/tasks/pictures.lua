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

--- Draws rings around a place that depends on the number.
-- @tparam integer number which picture
-- @tparam integer side its width and height
-- @treturn table the picture
function M.draw(number, side)
  local x0, y0 = side * (number * 0.37 % 1), side * (number * 0.61 % 1)
  local rows = {}
  for y = 1, side do
    local row = {}
    for x = 1, side do
      local distance = ((x - x0) ^ 2 + (y - y0) ^ 2) ^ 0.5
      row[x] = string.char(math.floor(128 + 127 * math.sin(distance / 30)))
    end
    rows[y] = table.concat(row)
  end
  return { width = side, height = side, pixels = table.concat(rows) }
end

--- Takes as long as a picture from afar, which it is drawn instead of.
-- @tparam integer number which picture
-- @treturn table the picture
function M.fetch(number)
  tandem.sleep(0.2)
  return M.draw(number, SIDE)
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

--- Downloads a picture, and shrinks it to letters.
-- @tparam string url of a square picture: pixels and nothing else
-- @tparam integer width letters in a row
-- @treturn string the rows as lines
function M.download_thumbnail(url, width)
  local pixels = require("tasks.http").get(url)
  local side = math.floor(math.sqrt(#pixels))
  return M.thumbnail({ width = side, height = side, pixels = pixels }, width)
end

-- The weights of a Gaussian bell, from its middle outwards; with those of the
-- other side they add up to one.
local function bell(radius)
  local weights, sum = {}, 0
  for i = 0, radius do
    weights[i] = math.exp(-2 * (i / radius) ^ 2)
    sum = sum + (i == 0 and 1 or 2) * weights[i]
  end
  for i = 0, radius do weights[i] = weights[i] / sum end
  return weights
end

-- Blurs a line of numbers; beyond its ends they go on as at the ends.
local function blur_line(line, weights)
  local n, blurred = #line, {}
  for i = 1, n do
    local sum = weights[0] * line[i]
    for d = 1, #weights do
      local before, after = line[i - d] or line[1], line[i + d] or line[n]
      sum = sum + weights[d] * (before + after)
    end
    blurred[i] = sum
  end
  return blurred
end

local function transposed(rows)
  local columns = {}
  for x = 1, #rows[1] do
    local column = {}
    for y = 1, #rows do column[y] = rows[y][x] end
    columns[x] = column
  end
  return columns
end

local function blur_rows(rows, weights)
  local blurred = {}
  for y = 1, #rows do blurred[y] = blur_line(rows[y], weights) end
  return blurred
end

local function rows_of(picture)
  local rows, width = {}, picture.width
  for y = 1, picture.height do
    local first = (y - 1) * width + 1
    rows[y] = { picture.pixels:byte(first, first + width - 1) }
  end
  return rows
end

local function pixels_of(rows)
  local lines = {}
  for y, row in ipairs(rows) do
    for x = 1, #row do row[x] = math.floor(row[x] + 0.5) end
    lines[y] = string.char(table.unpack(row))
  end
  return table.concat(lines)
end

--- Blurs a picture: rows with a Gaussian bell, then columns.
-- @tparam table picture
-- @tparam integer radius of the bell, in pixels
-- @treturn table the blurred picture
function M.blur(picture, radius)
  local weights = bell(radius)
  local columns = transposed(blur_rows(rows_of(picture), weights))
  local rows = transposed(blur_rows(columns, weights))
  return { width = picture.width, height = picture.height,
           pixels = pixels_of(rows) }
end

--- Draws a picture and blurs it.
-- @tparam integer number which picture
-- @tparam integer side its width and height
-- @tparam integer radius in pixels
-- @treturn string the pixels
function M.draw_blurred(number, side, radius)
  return M.blur(M.draw(number, side), radius).pixels
end

M._tasks = {
  fetch = {
    kind = "io", about = "a picture, after the time that a network takes",
    args = { "number" }, example = { 3 },
  },
  download_thumbnail = {
    kind = "mixed", about = "downloads a picture and shrinks it to letters",
    args = { "url", "width" }, example = { "http://127.0.0.1:8080/", 32 },
  },
  draw_blurred = {
    kind = "cpu", about = "draws a picture and blurs it",
    args = { "number", "side", "radius" }, example = { 3, 64, 4 },
  },
}

return M
