--- Tasks that wait: workers many times the number of processors.

local tandem = require "tandem"
local targets = require "bench.targets"

local now = tandem.now

local NAP = 0.010

--- Every worker would nap back to back in the ideal.
local function percent_of_ideal(naps, workers, seconds)
  return 100 * NAP * naps / workers / seconds
end

local function naps_in_a_row(workers)
  local start = now()
  for _ = 1, 10 do tandem.sleep(NAP) end
  return percent_of_ideal(10, workers, now() - start)
end

local function naps_on(pool, workers, count)
  local futures = {}
  local start = now()
  for i = 1, count do futures[i] = pool:submit("tandem:sleep", NAP) end
  for i = 1, count do futures[i]:result() end
  return percent_of_ideal(count, workers, now() - start)
end

local function case(workers, each)
  return {
    name = ("%d naps on %d workers"):format(workers * each, workers),
    unit = "% ideal", better = "more", workers = workers,
    python = ("sleep %d %d"):format(workers, each),
    serial = function() return naps_in_a_row(workers) end,
    tandem = function(pool) return naps_on(pool, workers, workers * each) end,
  }
end

--- Nobody starts a thousand processes to wait.
local function threads_case(threads, each)
  local threads_only = case(threads, each)
  threads_only.name = ("%d naps on %d threads"):format(threads * each, threads)
  threads_only.target = targets.at_least(95)
  threads_only.on = { "thread" }
  threads_only.python = { thread = threads_only.python }
  return threads_only
end

return function(options)
  local each = math.tointeger(math.max(5, 20 * options.scale // 1))
  return {
    title = "naps of 10 ms",
    case(100, each),
    threads_case(1000, each),
  }
end
