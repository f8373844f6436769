--- Tasks that follow others, and tasks that tasks submit.

local tandem = require "tandem"
local stats = require "bench.stats"
local targets = require "bench.targets"

local now = tandem.now

local function add(x)
  return (x or 0) + 1
end

--- Microseconds a step of a chain of continuations, from the first submit to
-- the last result.
local function chain(pool, steps)
  local start = now()
  local future = pool:submit(add, 0)
  for _ = 2, steps do future = future:and_then(add) end
  assert(future:result() == steps)
  return (now() - start) * 1e6 / steps
end

--- The same, each result brought home and submitted again.
local function by_hand(pool, steps)
  local start, x = now(), 0
  for _ = 1, steps do x = pool:submit(add, x):result() end
  assert(x == steps)
  return (now() - start) * 1e6 / steps
end

local function repeated(rounds, measure)
  local times = {}
  for i = 1, rounds do times[i] = measure() end
  return stats.median(times)
end

return function(options)
  local steps = math.tointeger(20000 * options.scale // 1)
  return {
    title = "tasks after tasks, and tasks of tasks",
    note = "A step of a chain by and_then should cost no more than a submit "
      .. "and its result. The pool of nested tasks has one worker.",
    {
      name = "a step by and_then", unit = "µs", better = "less", workers = 2,
      target = targets.at_most(1.5),
      tandem = function(pool)
        return repeated(5, function() return chain(pool, steps) end)
      end,
    },
    {
      name = "a step by submit and result", unit = "µs", better = "less",
      workers = 2,
      tandem = function(pool)
        return repeated(5, function() return by_hand(pool, steps) end)
      end,
    },
    {
      name = "nested submit + result", unit = "µs", better = "less",
      workers = 1, target = targets.at_most(5, 5),
      tandem = function(pool)
        return pool:call("bench.tasks:nested_calls", steps)
      end,
    },
    {
      name = "fib(18) by submit, a task", unit = "µs", better = "less",
      workers = 2, target = targets.at_most(5, 5),
      tandem = function(pool)
        return repeated(3, function()
          local start = now()
          local _, tasks = pool:call("bench.tasks:fib", 18)
          return (now() - start) * 1e6 / tasks
        end)
      end,
    },
  }
end
