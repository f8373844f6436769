--- How much of the time in which a task did not compute it wanted to wait.
--
-- A task that has no core stands still just as one that sleeps: a run alone
-- shows only the sum, time less CPU time. Three facts tell the parts. Where
-- next to nothing was computed, nobody waited for a core, unless the serial
-- sample did. That sample shows a task that has a core for itself. And no wish
-- to wait is longer than what tasks stood still in another run of the same
-- work, with fewer workers.
--
-- @module tandem_cli.lab.waiting
local quantile = require "tandem_cli.lab.quantile"
local series = require "tandem_cli.lab.series"
local spans = require "tandem_cli.lab.spans"

local M = {}

-- Below this use of the cores a task that wants one finds one. Not more: the
-- cores may have been busy with other programs.
local CALM = 0.15

-- From this share of CPU time on, tandem.classify calls a task "cpu".
local COMPUTES = 0.8

--- The cores that a run can have used at once.
-- @tparam table run
-- @tparam integer cores of the machine
-- @treturn integer
function M.reachable(run, cores)
  if run.kind == "serial" or run.kind == "one_lock" then return 1 end
  return math.min(run.workers, cores)
end

--- What part of those cores computed.
-- @tparam table run
-- @tparam {table,...} list its spans
-- @tparam integer cores of the machine
-- @treturn number
function M.use_of_cores(run, list, cores)
  return spans.sum(list, "cpu") / (run.wall * M.reachable(run, cores))
end

-- Nearly the least: the very least may be a stray item.
local function least_pause(list)
  local pauses = {}
  for i, each in ipairs(list) do pauses[i] = each.run - each.cpu end
  return (quantile.of(pauses, 0.1))
end

-- By the serial sample, less what it waited for a core; nil where there is
-- none.
local function serial_pause(run, cpu)
  local each = run.serial_each and run.serial_each - (run.serial_lost or 0)
  if not each or each <= 0 then return nil end
  return math.max(0, each - cpu), cpu / each >= COMPUTES
end

-- Did the sample wait for a core, though it needs but one? Others use them.
local function is_crowded(run)
  return (run.serial_lost or 0) > CALM * (run.serial_each or 0)
end

-- Seconds that an item stood still, on average.
local function mean_pause(list)
  return (spans.sum(list, "run") - spans.sum(list, "cpu")) / #list
end

-- The least of that in the runs of the same work.
local function least_mean(run, runs)
  local least = math.huge
  for _, other in ipairs(runs or {}) do
    local list = series.alike(other, run) and spans.of(other) or {}
    if #list > 0 then least = math.min(least, mean_pause(list)) end
  end
  return least
end

-- Seconds that an item on average wants to wait, as this run shows it.
local function wish(run, list)
  local cpu = spans.sum(list, "cpu") / #list
  local pause, computes = serial_pause(run, cpu)
  if not pause then return least_pause(list) end
  if computes then return math.min(pause, least_pause(list)) end
  return pause
end

--- The part of the standing time that is waiting of the task's own; the rest
-- is waiting for a core.
-- @tparam table run
-- @tparam {table,...} list its spans
-- @tparam integer cores of the machine
-- @tparam ?{table,...} runs others of the session
-- @treturn number from 0 to 1
function M.own_share(run, list, cores, runs)
  local pause = mean_pause(list)
  if pause <= 0 then return 1 end
  if M.use_of_cores(run, list, cores) < CALM and not is_crowded(run) then
    return 1
  end
  return math.min(pause, wish(run, list), least_mean(run, runs)) / pause
end

return M
