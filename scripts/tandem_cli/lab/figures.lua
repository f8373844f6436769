--- The figures of a run.
--
-- @module tandem_cli.lab.figures
local quantile = require "tandem_cli.lab.quantile"
local spans = require "tandem_cli.lab.spans"

local M = {}

-- What part of the run each worker was busy.
local function use_of_workers(list, wall)
  local lists, workers = spans.by_worker(list)
  local shares = {}
  for i, worker in ipairs(workers) do
    shares[i] = { worker = worker, items = #lists[worker],
                  share = spans.sum(lists[worker], "run") / wall }
  end
  return shares
end

local function times(list)
  local waits, runs = {}, {}
  for i, each in ipairs(list) do
    waits[i] = each.began - each.queued
    runs[i] = each.run
  end
  return quantile.summary(waits), quantile.summary(runs)
end

--- Works them out.
-- @tparam table run as recorded
-- @treturn table `throughput` items a second; `speed_up` over the serial time,
--   nil where that is not known; `wait` and `run`, each as
--   `quantile.summary` has it; `cpu`, `busy` seconds of all workers;
--   `cpu_share` of the time in tasks; `use`, a list of
--   `{ worker, items, share }`
function M.of(run)
  local list = spans.of(run)
  local wall = math.max(run.wall, 1e-9)
  local busy, cpu = spans.sum(list, "run"), spans.sum(list, "cpu")
  local wait, run_times = times(list)
  return {
    throughput = #list / wall,
    speed_up = run.serial_each and run.serial_each * #list / wall,
    wait = wait, run = run_times, busy = busy, cpu = cpu,
    cpu_share = busy > 0 and cpu / busy or 0,
    use = use_of_workers(list, wall),
  }
end

return M
