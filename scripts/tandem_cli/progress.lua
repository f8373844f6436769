--- A line on stderr that counts along with `tandem map`.
--
-- It shows only where stderr is a terminal and stdout is not: there it would
-- get between the results.
--
-- @module tandem_cli.progress
local tandem = require "tandem"

local terminal = require "tandem_cli.terminal"

local M = {}

-- Seconds between two looks of the line.
local PERIOD = 0.2

local Progress = {}
Progress.__index = Progress

--- Starts counting.
-- @treturn table with the methods `count` and `finish`
function M.new()
  local now = tandem.now()
  return setmetatable({
    shown = terminal.is_terminal("stderr")
            and not terminal.is_terminal("stdout"),
    started = now, drawn = now, done = 0, failed = 0,
  }, Progress)
end

function Progress:draw(now)
  local rate = self.done / math.max(now - self.started, 1e-3)
  local failed = self.failed > 0 and (", %d failed"):format(self.failed) or ""
  io.stderr:write(("\r%d done%s, %.0f a second   ")
                  :format(self.done, failed, rate))
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
