--- Workers come and go: the first result of a new pool, workers that are
-- replaced after so many tasks, and worker processes that are killed.

local tandem = require "tandem"
local kinds = require "bench.kinds"
local load = require "bench.load"
local stats = require "bench.stats"
local targets = require "bench.targets"

local now = tandem.now

--- Tasks that a recycled worker lives for.
local LIFE = 100

--- Milliseconds from no pool at all to the first result.
local function first_result(kind, rounds)
  local times = {}
  for i = 1, rounds do
    local start = now()
    local pool <close> = kind.new(tandem.cpu_count())
    pool:submit("bench.tasks:nothing"):result()
    times[i] = (now() - start) * 1e3
  end
  return stats.median(times), stats.quantile(times, 0.9)
end

local function cold_case(rounds)
  return {
    name = "first result of a cold pool", unit = "ms", better = "less",
    target = targets.at_most(nil, 3), workers = false,
    also = { { name = "  90th percentile", unit = "ms", better = "less" } },
    tandem = function(_, kind) return first_result(kind, rounds) end,
    python = ("cold %d"):format(math.ceil(rounds / 3)),
  }
end

local function seconds(pool, count, iterations)
  local futures = {}
  local start = now()
  for i = 1, count do
    futures[i] = pool:submit("bench.tasks:spin", iterations)
  end
  tandem.wait(futures)
  return now() - start
end

--- The throughput with recycled workers in percent of that without; in turns,
-- so that both see the same machine.
local function percent_kept(kind, count, iterations)
  local cpus = tandem.cpu_count()
  local lasting <close> = kinds.open(kind, cpus)
  local recycled <close> = kinds.open(kind,
    { max_workers = cpus, max_tasks_per_worker = LIFE })
  local without, with = 0, 0
  for _ = 1, 3 do
    without = without + seconds(lasting, count, iterations)
    with = with + seconds(recycled, count, iterations)
  end
  return 100 * without / with
end

local function recycling_case(name, microseconds, count, target)
  local words = ("recycled %d %d"):format(microseconds, count)
  return {
    name = name, unit = "% kept", better = "more", target = target,
    workers = false, python = { pool = words },
    tandem = function(_, kind)
      return percent_kept(kind, count, load.iterations(microseconds))
    end,
  }
end

--- What is in the file as soon as the task has written a whole line.
local function line_of(path, future)
  while true do
    assert(not future:done(), future:done() and future:error())
    local file <close> = assert(io.open(path, "r"))
    local line = file:read("L")
    if line and line:find("\n") then return line end
    tandem.sleep(0.0005)
  end
end

--- Milliseconds from the order to kill a worker that runs a task to the end of
-- the task's future. The task tells where it runs: one that is killed before
-- it begins goes to the next worker. `shell` is at hand, to start one is slow.
local function death(pool, shell)
  local path = os.tmpname()
  local future = pool:submit("bench.tasks:tell_and_sleep", path, 60)
  local pid = line_of(path, future)
  local start = now()
  shell:write("kill -9 ", pid)
  local heard = future:wait(10)
  local taken = (now() - start) * 1e3
  os.remove(path)
  assert(heard, "not heard of in 10 s")
  assert(tandem.is_error(future:error(), "crashed"))
  pool:call("bench.tasks:nothing") -- the replacement is there
  return taken
end

local function death_case(rounds)
  return {
    name = "from kill to failed future", unit = "ms", better = "less",
    target = targets.at_most(nil, 100), workers = 1, on = { "process" },
    also = { { name = "  the longest", unit = "ms", better = "less" } },
    python = { executor = ("death %d"):format(math.ceil(rounds / 3)) },
    tandem = function(pool)
      local shell <close> = assert(io.popen("sh", "w"))
      shell:setvbuf("no")
      local times = {}
      for i = 1, rounds do times[i] = death(pool, shell) end
      return stats.median(times), stats.quantile(times, 1)
    end,
  }
end

return function(options)
  local function scaled(count)
    return math.tointeger(count * options.scale // 1)
  end
  return {
    title = "workers come and go",
    note = ("Recycled: a new worker after every %d tasks. That is 3.3 ms of "
      .. "work at 33 µs a task, and the target is for\nthese; %d empty tasks "
      .. "take less time than any process needs to start. CPython's Pool never "
      .. "hears of a\nkilled worker: the result is waited for forever. Its "
      .. "ProcessPoolExecutor fails all futures, and ends."):format(LIFE, LIFE),
    cold_case(scaled(50)),
    recycling_case("recycled, 33 µs tasks", 33, scaled(10000),
      targets.at_least(nil, 80)),
    recycling_case("recycled, empty tasks", 0, scaled(20000)),
    death_case(scaled(30)),
  }
end
