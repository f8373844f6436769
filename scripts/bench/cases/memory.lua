--- What a worker and a future cost. Every sample has a process of its own.

local child = require "bench.child"
local targets = require "bench.targets"

local function probe(name, amount)
  return function(_, kind) return child.probe(name, kind.name, amount) end
end

return function(options)
  local tasks = math.tointeger(1000000 * options.scale)
  local futures = 100000
  return {
    title = "start and memory",
    note = "Start: after the pool's first worker, and with it the zygote. "
      .. "Processes: the median of private memory.",
    {
      name = "start of a worker, of 64", unit = "µs", better = "less",
      target = targets.at_most(100, 500),
      also = {
        { name = "private memory of a worker", unit = "KiB", better = "less",
          target = targets.at_most(64, 400) },
      },
      workers = false, fresh = true,
      tandem = probe("workers", 64), python = "workers 64",
    },
    {
      name = ("growth over 1e%.0f tasks"):format(math.log(tasks, 10)),
      unit = "KiB", better = "less",
      target = targets.at_most(1024, 1024),
      workers = false, fresh = true,
      tandem = probe("growth", tasks),
    },
    {
      -- 200 beside its payload, for which a slot has 24 bytes of its own.
      name = "a future held, done", unit = "bytes", better = "less",
      target = targets.at_most(224),
      workers = false, fresh = true,
      tandem = probe("futures", futures), python = "futures 20000",
    },
  }
end
