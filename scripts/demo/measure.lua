--- A job timed as a plain loop and on a pool of threads or processes.
--
-- @module demo.measure
local tandem = require "tandem"

local M = {}

--- The kinds of pool, in the order in which they are shown.
M.kinds = {
  { name = "threads", one = "thread", new = tandem.thread_pool },
  { name = "processes", one = "process", new = tandem.process_pool },
}

local function resolve(task)
  local module, name = task:match("^(.+):(.+)$")
  return require(module)[name]
end

-- Starts a clock. Sweeping up after the last measurement is not part of the
-- next.
local function start()
  collectgarbage()
  return { wall = tandem.now(), cpu = os.clock() }
end

-- The time gone by, and how many cores the system gave for it, in this process
-- and in others.
local function stop(started, results, elsewhere)
  local seconds = tandem.now() - started.wall
  local cores = (os.clock() - started.cpu + (elsewhere or 0)) / seconds
  return { seconds = seconds, cores = cores, results = results }
end

--- Calls the job's function for each item, in this thread.
-- @tparam table job
-- @tparam[opt] table items the job's where not given
-- @treturn table `{ seconds =, cores =, results = }`
function M.loop(job, items)
  local call = resolve(job.task)
  local results = {}
  local started = start()
  for i, item in ipairs(items or job.items) do
    results[i] = call(table.unpack(item))
  end
  return stop(started, results)
end

--- The same on a pool of workers; their start is part of the time.
-- @tparam table job
-- @tparam table kind one of `kinds`
-- @tparam integer width how many workers
-- @tparam[opt] table items the job's where not given
-- @treturn table `{ seconds =, cores =, results =, width = }`
function M.pool(job, kind, width, items)
  local results = {}
  local started = start()
  local pool <close> = kind.new(width)
  for i, result in pool:starmap(job.task, items or job.items) do
    results[i] = result
  end
  local elsewhere = kind.one == "process" and pool:stats().cpu
  local run = stop(started, results, elsewhere)
  run.width = width
  return run
end

--- The quickest of the job's runs: another program may be in the way of one
-- of them, seldom of all.
-- @tparam table job
-- @tparam function measure `loop` or `pool`
-- @param ... what else it takes
-- @treturn table as the function returns it
function M.best(job, measure, ...)
  local best = measure(job, ...)
  for _ = 2, job.runs or 2 do
    local run = measure(job, ...)
    if run.seconds < best.seconds then best = run end
  end
  return best
end

local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in next, a do
    if not equal(value, b[key]) then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

--- Raises unless two measurements had the same results.
-- @tparam table job
-- @tparam table one from `loop` or `pool`
-- @tparam table other likewise
function M.check_equal(job, one, other)
  for i = 1, math.max(#job.items, #other.results) do
    if one.results[i] == nil or not equal(one.results[i], other.results[i]) then
      error { demo = ("%s: item %d came out different in a pool")
                     :format(job.name, i) }
    end
  end
end

return M
