--- Where the time of a run went.
--
-- The workers' time is the number of workers times the wall time; the parts
-- add up to it. The caller's is beside it: it goes by at the same time.
--
-- @module tandem_cli.lab.shares
local model = require "tandem_cli.lab.model"
local replay = require "tandem_cli.lab.replay"
local spans = require "tandem_cli.lab.spans"
local waiting = require "tandem_cli.lab.waiting"

local M = {}

-- Seconds in which a worker had nothing while its next task was there: the
-- start of the worker, the way through the queue, the encoding.
local function handover(list)
  local sum = 0
  for _, own in pairs(spans.by_worker(list)) do
    local ended = 0
    for _, span in ipairs(own) do
      local ready = math.max(ended, span.queued)
      sum = sum + math.max(0, span.began - ready)
      ended = span.ended
    end
  end
  return sum
end

--- The parts of the workers' time, in seconds.
-- @tparam table run
-- @tparam integer cores
-- @tparam ?{table,...} runs others of the session
-- @treturn table `total`, `computing`, `waiting` in tasks, `crowding`
--   (waiting for a core), `handover`, `idle`
function M.workers(run, cores, runs)
  local list = spans.of(run)
  local computing = spans.sum(list, "cpu")
  local pause = spans.sum(list, "run") - computing
  local own = pause * waiting.own_share(run, list, cores, runs)
  local total, over = run.workers * run.wall, handover(list)
  return {
    total = total, computing = computing, waiting = own,
    crowding = pause - own, handover = over,
    idle = math.max(0, total - computing - pause - over),
  }
end

--- The parts of the caller's time, in seconds.
-- @tparam table work as `replay.work` has it
-- @treturn table `submit` (encoding is a part of it), `callbacks`, `collect`
--   (after the last task and callback; decoding is a part of it)
function M.caller(work)
  local items = work.n * work.weight
  return {
    submit = work.submit * (items - 1), callbacks = work.callback * items,
    collect = work.tail,
  }
end

--- How the callbacks went with the tasks' ends.
-- @tparam table run
-- @treturn ?table `each` seconds; `after`, how long after the last task the
--   last callback ended; `queued`, did they queue up? nil without callbacks
function M.callbacks(run)
  local list = spans.of(run)
  local each = (run.callbacks or 0) / #list
  if each <= 0 then return nil end
  local ends = replay.sorted_ends(list)
  local after = model.handled(ends, each) - ends[#ends]
  return { each = each, after = after, queued = after > 1.5 * each }
end

return M
