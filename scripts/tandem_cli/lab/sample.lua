--- What an item takes without a pool of workers: a sample, run one by one.
--
-- @module tandem_cli.lab.sample
local core = require "tandem.core"
local tandem = require "tandem"

local machine = require "tandem_cli.lab.machine"

local M = {}

-- A sample takes about so long, and at least one item that takes no longer
-- than the latter.
local SECONDS, LONGEST = 0.2, 1

local MOST_ITEMS = 5000

local function mean_run(items)
  local sum = 0
  for i = 1, items.n do sum = sum + items.ended[i] - items.began[i] end
  return sum / items.n
end

-- The items of a sample: from everywhere, since those at the end may be
-- harder than those at the beginning.
local function numbers(n, count)
  local list = {}
  for k = 1, count do list[k] = math.floor((k - 0.5) * n / count) + 1 end
  return list
end

-- Seconds that all take, their CPU time, and what shares of the time an item
-- takes the CPU is used, in order.
local function time_on(pool, task, args, list)
  local shares, cpu = {}, 0
  local start = tandem.now()
  for k, i in ipairs(list) do
    local future = pool:submit(task, args(i))
    local info = future:info()
    shares[k] = info.cpu / math.max(info.finished - info.started, 1e-9)
    cpu = cpu + info.cpu
  end
  local took = tandem.now() - start
  table.sort(shares)
  return took, cpu, shares
end

-- On a busy machine items wait for a core, which is not their nature: where
-- the system tells how long, that is left out of the share, and at least the
-- share is that of the better ones.
local function measure(task, args, list)
  local pool <close> = tandem.serial_pool()
  -- The first one loads the task's module, as it does in each worker.
  pool:submit(task, args(list[1])):wait()
  local lost = M.lost()
  local took, cpu, shares = time_on(pool, task, args, list)
  lost = lost()
  return { each = took / #list, lost = lost / #list,
           cpu_share = math.max(shares[math.ceil(#shares * 0.75)],
                                M.share(cpu, took - lost)) }
end

--- Begins to measure how long this thread waits for a core.
-- @treturn function that returns the seconds since; 0 where nobody knows
function M.lost()
  local before = machine.waited_for_core()
  return function()
    return before and machine.waited_for_core() - before or 0
  end
end

--- What share of a time the CPU was used.
-- @tparam number cpu seconds
-- @tparam number seconds
-- @treturn number at most 1: the clocks differ
function M.share(cpu, seconds)
  return math.min(1, cpu / math.max(seconds, cpu, 1e-9))
end

--- Measures, or remembers, what an item takes when it is alone.
-- @param session remembers the last sample, since the same is often run again
-- @tparam table run of which `items` and `n` are there
-- @param task as submit takes it
-- @tparam function args of an item
-- @param key what tells these arguments from others
-- @treturn ?table `each`, seconds; `lost`, what it waited of that for a core;
--   `cpu_share`, of the rest; nil where an item takes too long to be repeated
function M.take(session, run, task, args, key)
  local last = session.last_sample
  if last and last.task == task and last.key == key and last.n == run.n then
    return last.measured
  end
  local each = mean_run(run.items)
  if each > LONGEST then return nil end
  local fitting = math.floor(SECONDS / math.max(each, 1e-6))
  local count = math.min(run.n, MOST_ITEMS, math.max(1, fitting))
  -- Whoever presses Ctrl-C here does without this one figure.
  local ok, measured = pcall(measure, task, args, numbers(run.n, count))
  if not ok then return core.keep_interrupts() end
  session.last_sample =
    { task = task, key = key, n = run.n, measured = measured }
  return measured
end

return M
