--- A job timed as a plain loop and on a pool of threads.
--
-- @module demo.measure
local tandem = require "tandem"

local M = {}

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

-- The time gone by, and how many cores the system gave for it.
local function stop(started, results)
  local seconds = tandem.now() - started.wall
  local cores = (os.clock() - started.cpu) / seconds
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

--- The same on a pool of threads; their start is part of the time.
-- @tparam table job
-- @tparam integer width how many threads
-- @tparam[opt] table items the job's where not given
-- @treturn table `{ seconds =, cores =, results = }`
function M.threads(job, width, items)
  local results = {}
  local started = start()
  local pool <close> = tandem.thread_pool(width)
  for i, result in pool:starmap(job.task, items or job.items) do
    results[i] = result
  end
  local run = stop(started, results)
  run.width = width
  return run
end

--- The quickest of the job's runs: another program may be in the way of one
-- of them, seldom of all.
-- @tparam table job
-- @tparam function measure `loop` or `threads`
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
-- @tparam table one from `loop` or `threads`
-- @tparam table other likewise
function M.check_equal(job, one, other)
  for i = 1, math.max(#job.items, #other.results) do
    if one.results[i] == nil or not equal(one.results[i], other.results[i]) then
      error { demo = ("%s: item %d came out different on threads")
                     :format(job.name, i) }
    end
  end
end

return M
