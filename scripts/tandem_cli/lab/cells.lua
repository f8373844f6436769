--- The time of a worker, cut into cells as wide as a character.
--
-- @module tandem_cli.lab.cells
local M = {}

-- Adds a span to the cells that it touches, to each as much as lies in it;
-- the part of it that is CPU time by the span's share, for nobody knows when
-- in its time a task computed.
local function add(span, busy, cpu, size)
  local share = span.run > 0 and span.cpu / span.run or 0
  local last = math.min(math.floor(span.ended / size) + 1, #busy)
  for i = math.floor(span.began / size) + 1, last do
    local part = math.min(span.ended, i * size)
      - math.max(span.began, (i - 1) * size)
    busy[i] = busy[i] + part
    cpu[i] = cpu[i] + part * share
  end
end

local function zeros(n)
  local list = {}
  for i = 1, n do list[i] = 0 end
  return list
end

-- What took the most of a cell. Of the time in a task that is no CPU time, so
-- much is the task's own waiting; the rest it waited for a core.
local function what(busy, cpu, size, own_share)
  if busy < 0.05 * size then return "idle" end
  if busy < 0.5 * size then return "partly" end
  local waiting = (busy - cpu) * own_share
  local crowding = busy - cpu - waiting
  if cpu >= waiting and cpu >= crowding then return "computing" end
  return waiting >= crowding and "waiting" or "crowded"
end

--- Cuts.
-- @tparam {table,...} spans of one worker
-- @tparam number wall seconds of the whole row
-- @tparam integer n how many cells
-- @tparam ?number own_share of the waiting, by default 1; see `waiting`
-- @treturn {string,...} "computing", "waiting", "crowded" (waiting for a
--   core), "partly" or "idle" for each
-- @treturn number what part of the time the worker was busy
function M.of(spans, wall, n, own_share)
  local size = math.max(wall, 1e-9) / n
  local busy, cpu, total = zeros(n), zeros(n), 0
  for _, span in ipairs(spans) do
    add(span, busy, cpu, size)
    total = total + span.run
  end
  local row = {}
  for i = 1, n do row[i] = what(busy[i], cpu[i], size, own_share or 1) end
  return row, total / (n * size)
end

return M
