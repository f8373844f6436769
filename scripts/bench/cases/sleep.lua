--- Tasks that wait: threads many times the number of processors.

local tandem = require "tandem"
local targets = require "bench.targets"

local now = tandem.now

local NAP = 0.010

--- Every thread would nap back to back in the ideal.
local function percent_of_ideal(naps, threads, seconds)
  return 100 * NAP * naps / threads / seconds
end

local function naps_in_a_row(threads)
  local start = now()
  for _ = 1, 10 do tandem.sleep(NAP) end
  return percent_of_ideal(10, threads, now() - start)
end

local function naps_on(pool, threads, count)
  local futures = {}
  local start = now()
  for i = 1, count do futures[i] = pool:submit("tandem:sleep", NAP) end
  for i = 1, count do futures[i]:result() end
  return percent_of_ideal(count, threads, now() - start)
end

local function case(threads, each, target)
  return {
    name = ("%d naps on %d threads"):format(threads * each, threads),
    unit = "% ideal", better = "more", workers = threads, target = target,
    python = ("sleep %d %d"):format(threads, each),
    serial = function() return naps_in_a_row(threads) end,
    tandem = function(pool) return naps_on(pool, threads, threads * each) end,
  }
end

return function(options)
  local each = math.tointeger(math.max(5, 20 * options.scale // 1))
  return {
    title = "naps of 10 ms",
    case(100, each),
    case(1000, each, { thread = targets.at_least(95) }),
  }
end
