--- A line on stderr that counts along with `tandem map`: a bar, where the end
-- of the input can be told.
--
-- It shows only where stderr is a terminal and stdout is not: there it would
-- get between the results.
--
-- @module tandem_cli.progress
local core = require "tandem.core"
local tandem = require "tandem"

local bar = require "tandem.progress"
local terminal = require "tandem_cli.terminal"

local M = {}

-- Seconds between two looks of the line.
local PERIOD = 0.2

local STDERR = 2

local Progress = {}
Progress.__index = Progress

-- Bytes of a file from where it stands; nil for what has no end that is known.
local function bytes_left(file)
  local here = file:seek()
  local last = here and file:seek("end")
  if not last then return nil end
  file:seek("set", here)
  return last - here
end

--- Starts counting, before anything of the input is read.
-- @treturn table with the methods `take`, `count` and `finish`
function M.new()
  local now = tandem.now()
  local shown = terminal.is_terminal("stderr")
    and not terminal.is_terminal("stdout")
  return setmetatable({
    shown = shown, size = shown and bytes_left(io.stdin),
    started = now, drawn = now, length = 0,
    taken = 0, bytes = 0, done = 0, failed = 0,
  }, Progress)
end

--- Takes note of a line of the input, of so many bytes.
function Progress:take(bytes)
  self.taken = self.taken + 1
  self.bytes = self.bytes + bytes
end

-- How many lines there will be, if the rest is as long as those so far.
function Progress:total()
  if not self.size or self.bytes == 0 then return nil end
  local rest = math.max(self.size - self.bytes, 0)
  return self.taken + (rest * self.taken + self.bytes - 1) // self.bytes
end

function Progress:text(now)
  local failed = self.failed > 0 and (", %d failed"):format(self.failed) or ""
  local text = bar.line(self.done, self:total(), now - self.started) .. failed
  local width = core.terminal_width(STDERR) or 80
  if #text < width then return text end
  return (("%d done%s"):format(self.done, failed)):sub(1, width - 1)
end

-- What was there before, and is longer, is overwritten.
function Progress:draw(now)
  local text = self:text(now)
  local rest = math.max(self.length - #text, 0)
  self.length = #text
  io.stderr:write("\r", text, (" "):rep(rest))
end

--- Counts an item.
-- @tparam boolean failed
function Progress:count(failed)
  self.done = self.done + 1
  if failed then self.failed = self.failed + 1 end
  if not self.shown then return end
  local now = tandem.now()
  if now - self.drawn < PERIOD then return end
  self.drawn = now
  self:draw(now)
end

--- Draws the line for the last time.
function Progress:finish()
  if not self.shown then return end
  self:draw(tandem.now())
  io.stderr:write("\n")
end

return M
