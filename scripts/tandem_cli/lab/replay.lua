--- A recorded run as work for the model.
--
-- @module tandem_cli.lab.replay
local model = require "tandem_cli.lab.model"
local quantile = require "tandem_cli.lab.quantile"
local spans = require "tandem_cli.lab.spans"
local waiting = require "tandem_cli.lab.waiting"

local M = {}

-- Linux gives slices of about this length, in seconds; the one lock is handed
-- over every 5 ms.
local SLICE, LOCK_SLICE = 0.003, 0.005

--- The machine in the model: a shared lock is one core, however many there
-- are.
-- @tparam string kind of the pool
-- @tparam integer cores
-- @tparam number yield
-- @treturn table as `model.run` takes it
function M.machine(kind, cores, yield)
  if kind == "one_lock" then
    return { cores = 1, yield = yield, slice = LOCK_SLICE }
  end
  return { cores = cores, yield = yield, slice = SLICE }
end

local function median(list)
  return #list > 0 and (quantile.of(list, 0.5)) or 0
end

-- Seconds from one submit to the next. The median: a submit that waits at a
-- full queue stretches single ones. A serial pool runs the task in `submit`.
local function submit_gap(run, list)
  local gaps = {}
  for i = 2, #list do
    local last = list[i - 1]
    local from = run.kind == "serial" and last.ended or last.queued
    gaps[i - 1] = list[i].queued - from
  end
  return math.max(0, median(gaps))
end

-- Seconds that a worker is without a task though one is queued.
local function handover(list)
  local gaps = {}
  for _, own in pairs(spans.by_worker(list)) do
    for i = 2, #own do
      local ready = math.max(own[i - 1].ended, own[i].queued)
      gaps[#gaps + 1] = math.max(0, own[i].began - ready)
    end
  end
  return median(gaps)
end

-- Items that the model runs in a part of a second. Of more it runs one in so
-- many: a long queue of them tells nothing that a part of it does not.
local MOST = 20000

local function times(list, own_share)
  local cpu, wait = {}, {}
  for i = 1, #list, math.ceil(#list / MOST) do
    local each = list[i]
    cpu[#cpu + 1] = each.cpu
    wait[#wait + 1] = (each.run - each.cpu) * own_share
  end
  return cpu, wait
end

--- When the items ended, in the order of time.
-- @tparam {table,...} list spans
-- @treturn {number,...}
function M.sorted_ends(list)
  local ends = {}
  for i, each in ipairs(list) do ends[i] = each.ended end
  table.sort(ends)
  return ends
end

--- What the model takes.
-- @tparam table run in which at least one item ran
-- @tparam integer cores of the machine
-- @tparam ?{table,...} runs others, which may tell more of the same work
-- @treturn table as `model.run` has it
function M.work(run, cores, runs)
  local list = spans.of(run)
  local cpu, wait = times(list, waiting.own_share(run, list, cores, runs))
  local callback = (run.callbacks or 0) / #list
  local handled = model.handled(M.sorted_ends(list), callback)
  return {
    n = #cpu, weight = #list / #cpu, cpu = cpu, wait = wait,
    submit = submit_gap(run, list), handover = handover(list),
    callback = callback,
    tail = math.max(0, run.wall - handled),
  }
end

-- Steps of a bisection from 1: a thousandth is enough.
local STEPS = 10

local LEAST_YIELD = 0.25

-- The model's wall time falls as the cores yield more.
local function bisect(run, work, cores)
  local low, high = LEAST_YIELD, 1
  for _ = 1, STEPS do
    local middle = (low + high) / 2
    local machine = M.machine(run.kind, cores, middle)
    if model.run(work, run.workers, machine).wall > run.wall then
      low = middle
    else
      high = middle
    end
  end
  return high
end

-- What part of the cores the tasks must want in the model, and by how much the
-- run must have been slower than that, to blame the machine.
local WANTED, SLOWER = 0.5, 1.03

local function wants_all(run, wall, cores)
  local cpu = spans.sum(spans.of(run), "cpu")
  return (run.kind == "one_lock" or run.workers >= cores)
    and cpu >= WANTED * wall * waiting.reachable(run, cores)
end

--- What part of its cores the machine gave to this run. Other programs take
-- some, and two hyper-threads are less than two cores. It can be told only
-- where the run wanted the cores most of the time; 1 where it did not.
-- @tparam table run
-- @tparam table work as `M.work` made it
-- @tparam integer cores of the machine
-- @treturn number
function M.yield(run, work, cores)
  local machine = M.machine(run.kind, cores, 1)
  local wall = model.run(work, run.workers, machine).wall
  if run.wall < SLOWER * wall or not wants_all(run, wall, cores) then
    return 1
  end
  return bisect(run, work, cores)
end

return M
