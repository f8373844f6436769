--- The view of a run while it goes on: how far it is, what each worker does.
--
-- Two lines that are drawn over, and gone when the run is over. They are cut
-- to the width that the terminal has at that moment.
--
-- @module tandem_cli.live
local tandem = require "tandem"

local figures = require "tandem_cli.figures"
local terminal = require "tandem_cli.terminal"
local text = require "tandem_cli.text"

local M = {}

-- Seconds between two pictures. What takes less than one is not shown.
local FRAME = 0.1

local WIDEST_BAR = 30

local View = {}
View.__index = View

--- Starts to watch.
-- @param session
-- @param pool
-- @tparam integer total how many tasks are to come
-- @treturn table with the methods `pause`, `look`, `finish`
function M.start(session, pool, total)
  local now = tandem.now()
  local stats = pool:stats()
  return setmetatable({
    session = session, pool = pool, total = total, started = now,
    next_frame = now + FRAME, rows = 0,
    before = stats.done + stats.failed + stats.cancelled,
  }, View)
end

--- Seconds until there is something to draw.
-- @treturn number
function View:pause()
  return math.max(0, self.next_frame - tandem.now())
end

local function bar(part, width)
  local full = math.floor(part * width + 0.5)
  return "[" .. ("#"):rep(full) .. ("."):rep(width - full) .. "]"
end

function View:progress_line(now, width)
  local stats = self.pool:stats()
  local done = math.min(self.total, stats.done + stats.failed
                        + stats.cancelled - self.before)
  local elapsed = now - self.started
  local facts = { ("%d/%d"):format(done, self.total) }
  if done > 0 then
    facts[2] = figures.rate(done / elapsed)
    facts[3] = figures.seconds((self.total - done) * elapsed / done) .. " left"
  else
    facts[2] = "for " .. figures.seconds(elapsed)
  end
  local told = table.concat(facts, "  ")
  local room = math.min(WIDEST_BAR, width - text.width(told) - 4)
  if room < 4 then return told end
  return bar(done / self.total, room) .. "  " .. told
end

-- "1 4.2 ms  2 idle": for how long each has been at its task. Where that does
-- not fit, a sign for each.
local function worker_line(workers, now, width)
  local cells, signs = {}, {}
  for i, worker in ipairs(workers) do
    local busy = worker.status ~= "idle"
    local state = busy and worker.since
      and figures.seconds(math.max(0, now - worker.since)) or worker.status
    cells[i] = ("%d: %s"):format(worker.id, text.pad(state, 7))
    signs[i] = busy and "#" or "."
  end
  local line = "workers  " .. table.concat(cells, " ")
  if text.width(line) <= width then return line end
  return "workers  " .. table.concat(signs)
end

function View:draw(now)
  -- The last column stays free: some terminals go on to the next line there.
  local width = terminal.width() - 1
  local lines = {
    text.cut(self:progress_line(now, width), width),
    text.cut(worker_line(self.pool:workers(), now, width), width),
  }
  self:erase()
  self.session.write(table.concat(lines, "\n"))
  io.stdout:flush()
  self.rows = #lines
end

-- From the end of the view back to its beginning.
function View:erase()
  if self.rows == 0 then return end
  self.session.write(("\r\27[K" .. "\27[A"):rep(self.rows - 1) .. "\r\27[K")
  self.rows = 0
end

--- Draws, if it is time.
function View:look()
  local now = tandem.now()
  if now < self.next_frame then return end
  self.next_frame = now + FRAME
  self:draw(now)
end

--- Takes the view away.
function View:finish()
  self:erase()
  io.stdout:flush()
end

return M
