--- Stopping Lua code that does not end by itself, and what it costs the code
-- that does that it could be stopped.

local tandem = require "tandem"
local load = require "bench.load"
local stats = require "bench.stats"
local targets = require "bench.targets"
local tasks = require "bench.tasks"

local now = tandem.now

--- A future of `bench.tasks:endless` that is in its loop.
local function start_loop(pool, way)
  local future = pool:submit("bench.tasks:endless", way)
  repeat tandem.sleep(0.002) until future:status() == "running"
  return future
end

--- Milliseconds from the order to end a task to the end of its future.
local function stop(pool, way)
  local future = start_loop(pool, way)
  local start = now()
  assert(future:cancel("interrupt"))
  local heard = future:wait(10)
  local taken = (now() - start) * 1e3
  assert(heard, "not heard of in 10 s")
  assert(future:status() == "cancelled")
  return taken
end

local function stop_case(name, way, rounds)
  return {
    name = name, unit = "ms", better = "less", workers = 1,
    target = targets.at_most(5, 5),
    also = { { name = "  90th percentile", unit = "ms", better = "less" } },
    tandem = function(pool)
      local times = {}
      for i = 1, rounds do times[i] = stop(pool, way) end
      return stats.median(times), stats.quantile(times, 0.9)
    end,
  }
end

--- The best of several times: whatever else runs only adds to them.
local function shortest(rounds, seconds)
  local best = math.huge
  for _ = 1, rounds do best = math.min(best, seconds()) end
  return best
end

--- The task measures its own loop, so that only that is compared.
local function loop_case(rounds)
  local function iterations() return load.iterations(20000) end
  return {
    name = "plain loop: in a worker / here", unit = "x", better = "less",
    workers = 1, ratio = "times_serial", target = targets.at_most(1.03, 1.03),
    serial = function()
      return shortest(rounds, function()
        return tasks.seconds_of_spin(iterations())
      end)
    end,
    tandem = function(pool)
      return shortest(rounds, function()
        return pool:call("bench.tasks:seconds_of_spin", iterations())
      end)
    end,
  }
end

return function(options)
  local rounds = math.tointeger(math.max(5, 50 * options.scale // 1))
  return {
    title = "stopping what runs",
    note = "From cancel(\"interrupt\") to the end of the future. CPython can "
      .. "stop neither a thread nor a task.",
    stop_case("stop a busy loop", "plain", rounds),
    stop_case("stop a loop that catches all", "catching", rounds),
    stop_case("stop a loop in a coroutine", "coroutine", rounds),
    loop_case(math.max(3, rounds // 3)),
  }
end
