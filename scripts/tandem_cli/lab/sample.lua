--- What an item takes without a pool of workers: a sample, run one by one.
--
-- @module tandem_cli.lab.sample
local core = require "tandem.core"
local tandem = require "tandem"

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

-- What shares of the time an item takes the CPU is used, in order.
local function time_on(pool, task, args, list)
  local shares = {}
  local start = tandem.now()
  for k, i in ipairs(list) do
    local future = pool:submit(task, args(i))
    local info = future:info()
    shares[k] = info.cpu / math.max(info.finished - info.started, 1e-9)
  end
  local each = (tandem.now() - start) / #list
  table.sort(shares)
  return each, shares
end

-- On a busy machine some items wait for a core, which is not their nature: the
-- share is that of the better ones.
local function measure(task, args, list)
  local pool <close> = tandem.serial_pool()
  -- The first one loads the task's module, as it does in each worker.
  pool:submit(task, args(list[1])):wait()
  local each, shares = time_on(pool, task, args, list)
  return { each = each, cpu_share = shares[math.ceil(#shares * 0.75)] }
end

--- Measures, or remembers, what an item takes when it is alone.
-- @param session remembers the last sample, since the same is often run again
-- @tparam table run of which `items` and `n` are there
-- @param task as submit takes it
-- @tparam function args of an item
-- @param key what tells these arguments from others
-- @treturn ?table `each`, seconds; `cpu_share`, of that; nil where an item
--   takes too long to be repeated
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
