--- Inside other programs: one pool for several states, and event loops.

local tandem = require "tandem"
local uv = require "luv"
local stats = require "bench.stats"
local targets = require "bench.targets"

local now = tandem.now

local function repeated(rounds, measure)
  local times = {}
  for i = 1, rounds do times[i] = measure() end
  return stats.median(times)
end

local function calls(pool, n)
  local start = now()
  for i = 1, n do assert(pool:submit("math:abs", -i):result() == i) end
  return (now() - start) * 1e6 / n
end

--- What a request pays that finds no pool of its own: it makes or joins one,
-- asks once, and leaves.
local function requests(kind, options, n)
  local start = now()
  for i = 1, n do
    local pool <close> = kind.new(options)
    assert(pool:call("math:abs", -i) == i)
  end
  return (now() - start) * 1e6 / n
end

--- One coroutine after another, or all at once. The loop is attached here: from
-- then on workers tell a descriptor, which those above do not pay for.
local function await(pool, n, at_once)
  require "tandem.luv"
  local start = now()
  local function ask(i)
    assert(tandem.await(pool:submit("math:abs", -i)) == i)
  end
  if at_once then
    for i = 1, n do coroutine.wrap(ask)(i) end
  else
    coroutine.wrap(function() for i = 1, n do ask(i) end end)()
  end
  uv.run()
  return (now() - start) * 1e6 / n
end

return function(options)
  local n = math.tointeger(10000 * options.scale // 1)
  return {
    title = "inside other programs",
    note = "A request that joins a shared pool finds its workers warm.",
    {
      name = "submit + result", unit = "µs", better = "less", workers = 1,
      tandem = function(pool)
        return repeated(5, function() return calls(pool, n) end)
      end,
    },
    {
      name = "the same, shared pool", unit = "µs", better = "less",
      workers = { max_workers = 1, name = "bench", shared = true },
      target = targets.at_most(1.5, 3),
      tandem = function(pool)
        return repeated(5, function() return calls(pool, n) end)
      end,
    },
    {
      name = "a request, its own pool", unit = "µs", better = "less",
      workers = false,
      tandem = function(_, kind)
        return requests(kind, { max_workers = 1 }, 20)
      end,
    },
    {
      name = "a request that joins one", unit = "µs", better = "less",
      workers = { max_workers = 1, name = "bench", shared = true },
      tandem = function(_, kind)
        return requests(kind, { max_workers = 1, name = "bench",
                                shared = true }, n // 10)
      end,
    },
    {
      name = "await in luv, one at a time", unit = "µs", better = "less",
      workers = 1,
      tandem = function(pool)
        return repeated(3, function() return await(pool, n // 4, false) end)
      end,
    },
    {
      name = "await in luv, 1000 at once", unit = "µs", better = "less",
      workers = 2,
      tandem = function(pool)
        return repeated(5, function() return await(pool, 1000, true) end)
      end,
    },
  }
end
