--- The tasks that the benchmarks submit: small, and without any module, so
-- that a worker that runs them carries nothing else.

local tasks = {}

function tasks.nothing()
end

function tasks.echo(...)
  return ...
end

function tasks.square(x)
  return x * x
end

function tasks.add(a, b)
  return a + b
end

--- Keeps a core busy, in proportion to the number of iterations.
function tasks.spin(iterations)
  local sum = 0.0
  for i = 1, iterations do sum = sum + i % 7 * 0.5 end
  return sum
end

--- How long `spin` takes, as it sees it itself.
function tasks.seconds_of_spin(iterations)
  local now = require("tandem").now
  local start = now()
  tasks.spin(iterations)
  return now() - start
end

local function loop()
  while true do end
end

local endless = {
  plain = loop,
  catching = function()
    while true do pcall(loop) end
  end,
  coroutine = function()
    while true do coroutine.resume(coroutine.create(loop)) end
  end,
}

--- Does not end by itself, in this way.
function tasks.endless(way)
  endless[way]()
end

--- Microseconds that a nested task takes to be submitted and waited for, in
-- the middle of several rounds of n.
function tasks.nested_calls(n)
  local tandem = require "tandem"
  local pool, times = tandem.pool(), {}
  for round = 1, 5 do
    local start = tandem.now()
    for _ = 1, n do pool:submit("bench.tasks:nothing"):result() end
    times[round] = (tandem.now() - start) * 1e6 / n
  end
  table.sort(times)
  return times[3]
end

--- A Fibonacci number by nested tasks, and how many these were.
function tasks.fib(n)
  if n < 2 then return n, 1 end
  local pool = require "tandem".pool()
  local a = pool:submit("bench.tasks:fib", n - 1)
  local b = pool:submit("bench.tasks:fib", n - 2)
  local x, i = a:result()
  local y, j = b:result()
  return x + y, i + j + 1
end

--- Holds its worker until the pipe at `path` has had a writer and lost it.
-- Unbuffered, so that a held worker owns no buffer of the C library.
function tasks.hold(path)
  local pipe <close> = assert(io.open(path, "r"))
  pipe:setvbuf("no")
  return pipe:read("a")
end

--- Writes the number of its process to the file, and sleeps.
function tasks.tell_and_sleep(path, seconds)
  local stat <close> = assert(io.open("/proc/self/stat", "r"))
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(stat:read("n"), "\n"))
  file:flush()
  require("tandem").sleep(seconds)
end

return tasks
