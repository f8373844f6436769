--- Empty tasks: how long one takes there and back, and how many a second.

local tandem = require "tandem"
local stats = require "bench.stats"
local targets = require "bench.targets"
local tasks = require "bench.tasks"

local now = tandem.now

local function stay()
end

local function pause()
  tandem.sleep(0.001)
end

--- The median and 90th percentile, in microseconds, of calls timed one by one.
local function laps(rounds, before, act)
  local times = {}
  for i = 1, rounds do
    before()
    local start = now()
    act()
    times[i] = (now() - start) * 1e6
  end
  return stats.median(times), stats.quantile(times, 0.9)
end

local function latency(name, python, target, rounds, before)
  return {
    name = name, unit = "µs", better = "less", python = python,
    target = target,
    also = { { name = "  90th percentile", unit = "µs", better = "less" } },
    serial = function() return laps(rounds, before, tasks.nothing) end,
    tandem = function(pool)
      return laps(rounds, before, function()
        return pool:submit("bench.tasks:nothing"):result()
      end)
    end,
  }
end

--- Tasks a second, over several rounds so that collecting the futures counts.
local function rate(rounds, count, round)
  local start = now()
  for _ = 1, rounds do round(count) end
  return rounds * count / (now() - start)
end

local function throughput(count)
  return {
    name = "submitted, then collected", unit = "tasks/s", better = "more",
    python = "throughput",
    target = targets.at_least(2.5e6, 1.5e6),
    serial = function()
      return rate(5, count, function()
        local nothing = tasks.nothing
        for _ = 1, count do nothing() end
      end)
    end,
    tandem = function(pool)
      return rate(5, count, function()
        local futures = {}
        for i = 1, count do futures[i] = pool:submit("bench.tasks:nothing") end
        for i = 1, count do futures[i]:result() end
      end)
    end,
  }
end

return function(options)
  local scale = options.scale
  return {
    title = "empty tasks",
    latency("submit + result, warm", "latency", targets.at_most(1.5, 3),
      100000 * scale // 1, stay),
    latency("the same after 1 ms idle", "idle_latency", targets.at_most(5, 10),
      math.max(50, 300 * scale // 1), pause),
    throughput(100000 * scale // 1),
  }
end
