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
