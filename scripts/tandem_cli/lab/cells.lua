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

local function what(busy, cpu, size)
  if busy < 0.05 * size then return "idle" end
  if busy < 0.5 * size then return "partly" end
  return cpu >= 0.5 * busy and "computing" or "waiting"
end

--- Cuts.
-- @tparam {table,...} spans of one worker
-- @tparam number wall seconds of the whole row
-- @tparam integer n how many cells
-- @treturn {string,...} "computing", "waiting", "partly" or "idle" for each
-- @treturn number what part of the time the worker was busy
function M.of(spans, wall, n)
  local size = math.max(wall, 1e-9) / n
  local busy, cpu, total = zeros(n), zeros(n), 0
  for _, span in ipairs(spans) do
    add(span, busy, cpu, size)
    total = total + span.run
  end
  local row = {}
  for i = 1, n do row[i] = what(busy[i], cpu[i], size) end
  return row, total / (n * size)
end

return M
