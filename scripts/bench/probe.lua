--- Figures that need a process without a past:
--
--     lua5.4 probe.lua workers|growth|futures KIND AMOUNT
--
-- prints a JSON list. Started by bench.child, which sets the module paths.

local tandem = require "tandem"
local kinds = require "bench.kinds"
local machine = require "bench.machine"
local stats = require "bench.stats"

local probe = {}

--- The path of a new named pipe.
local function new_pipe()
  local path = os.tmpname()
  assert(os.remove(path))
  assert(os.execute("mkfifo -m 600 '" .. path .. "'"))
  return path
end

--- Lets go of all tasks held at the pipe. One that has yet to open it waits
-- for the next writer, hence the repetition.
local function release(path, futures)
  repeat
    assert(io.open(path, "r+")):close()
  until #select(2, tandem.wait(futures, { timeout = 0.002 })) == 0
end

--- Submits `count` tasks that hold their workers, each a worker of its own.
local function hold(pool, path, count)
  local futures, already = {}, pool:stats().running
  for i = 1, count do futures[i] = pool:submit("bench.tasks:hold", path) end
  while pool:stats().running < already + count do tandem.sleep(0.001) end
  return futures
end

local function last_start(futures)
  local last = 0
  for _, future in ipairs(futures) do
    last = math.max(last, future:info().started)
  end
  return last
end

--- KiB of private memory of each worker process.
local function memories(pool)
  local list = {}
  for i, worker in ipairs(pool:workers()) do
    list[i] = machine.private_memory(worker.pid)
  end
  return list
end

--- KiB that a worker adds: to this process, or as a process of its own.
local function memory_of_one(pool, before)
  local list = memories(pool)
  if pool:workers()[1].pid ~= machine.pid() then return stats.median(list) end
  collectgarbage()
  return (machine.private_memory() - before) / #list
end

--- Microseconds to start a worker, after the first one (with which the program
-- starts that processes are forked from), and KiB that only it uses.
function probe.workers(new_pool, count)
  local path = new_pipe()
  collectgarbage()
  local before = machine.private_memory()
  local pool <close> = new_pool(count + 1)
  local first = hold(pool, path, 1)
  local start = tandem.now()
  local others = hold(pool, path, count)
  local memory = memory_of_one(pool, before)
  release(path, table.move(first, 1, 1, count + 1, others))
  os.remove(path)
  return (last_start(others) - start) * 1e6 / count, memory
end

local function run_tasks(pool, count)
  local futures, batch = {}, 1000
  for _ = 1, count, batch do
    for i = 1, batch do futures[i] = pool:submit("bench.tasks:nothing") end
    for i = 1, batch do futures[i]:result() end
  end
end

--- KiB in memory of this process and of the workers'.
local function resident(pool)
  collectgarbage()
  collectgarbage()
  local pids, sum = { [machine.pid()] = true }, 0
  for _, worker in ipairs(pool:workers()) do pids[worker.pid] = true end
  for pid in pairs(pids) do sum = sum + machine.proportional_memory(pid) end
  return sum
end

--- KiB of memory gained over `count` tasks once the pool is warm.
function probe.growth(new_pool, count)
  local pool <close> = new_pool(tandem.cpu_count())
  run_tasks(pool, count // 4)
  local before = resident(pool)
  run_tasks(pool, count)
  return resident(pool) - before
end

--- Bytes of a future that is done and kept; what is only used on the way is
-- collected as it goes, the list that holds them is made beforehand.
function probe.futures(new_pool, count)
  local pool <close> = new_pool(tandem.cpu_count())
  local held, batch = {}, 2000
  for i = 1, count do held[i] = false end
  run_tasks(pool, 4 * batch)
  local before = resident(pool)
  for first = 1, count, batch do
    for i = first, math.min(first + batch - 1, count) do
      held[i] = pool:submit("bench.tasks:nothing")
    end
    tandem.wait(table.move(held, first, first + batch - 1, 1, {}))
    collectgarbage()
  end
  local figure = (resident(pool) - before) * 1024 / count
  assert(held[count]:status() == "done")
  return figure
end

local name, kind, amount = table.unpack(arg)
local figures = { probe[name](kinds.named(kind).new, math.tointeger(amount)) }
print(require "cjson".encode(figures))
