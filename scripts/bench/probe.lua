--- Figures that need a process without a past:
--
--     lua5.4 probe.lua workers|growth|futures KIND AMOUNT
--
-- prints a JSON list. Started by bench.child, which sets the module paths.

local tandem = require "tandem"
local contest = require "bench.contest"
local machine = require "bench.machine"

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

--- Microseconds to start a worker, and KiB that only it uses: `count` tasks
-- that hold their workers, so that each task needs a worker of its own.
function probe.workers(new_pool, count)
  local path, futures = new_pipe(), {}
  collectgarbage()
  local before = machine.memory()
  local start = tandem.now()
  local pool <close> = new_pool(count)
  for i = 1, count do futures[i] = pool:submit("bench.tasks:hold", path) end
  while pool:stats().running < count do tandem.sleep(0.001) end
  release(path, futures)
  os.remove(path)
  local last = start
  for _, future in ipairs(futures) do
    last = math.max(last, future:info().started)
  end
  collectgarbage()
  local memory = machine.memory() - before
  return (last - start) * 1e6 / count, memory / count
end

local function run_tasks(pool, count)
  local futures, batch = {}, 1000
  for _ = 1, count, batch do
    for i = 1, batch do futures[i] = pool:submit("bench.tasks:nothing") end
    for i = 1, batch do futures[i]:result() end
  end
end

local function resident()
  collectgarbage()
  collectgarbage()
  return select(2, machine.memory())
end

--- KiB of resident memory gained over `count` tasks once the pool is warm.
function probe.growth(new_pool, count)
  local pool <close> = new_pool(tandem.cpu_count())
  run_tasks(pool, count // 4)
  local before = resident()
  run_tasks(pool, count)
  return resident() - before
end

--- Bytes of a future that is done and kept; what is only used on the way is
-- collected as it goes, the list that holds them is made beforehand.
function probe.futures(new_pool, count)
  local pool <close> = new_pool(tandem.cpu_count())
  local held, batch = {}, 2000
  for i = 1, count do held[i] = false end
  run_tasks(pool, 4 * batch)
  local before = resident()
  for first = 1, count, batch do
    for i = first, math.min(first + batch - 1, count) do
      held[i] = pool:submit("bench.tasks:nothing")
    end
    tandem.wait(table.move(held, first, first + batch - 1, 1, {}))
    collectgarbage()
  end
  local figure = (resident() - before) * 1024 / count
  assert(held[count]:status() == "done")
  return figure
end

local function new_pool(name)
  for _, kind in ipairs(contest.kinds) do
    if kind.name == name then return kind.new end
  end
  error("no such kind of pool: " .. name)
end

local name, kind, amount = table.unpack(arg)
local figures = { probe[name](new_pool(kind), math.tointeger(amount)) }
print(require "cjson".encode(figures))
