--- map and reduce of x * x over integers, against the plain loop.

local tandem = require "tandem"
local targets = require "bench.targets"
local tasks = require "bench.tasks"

local now = tandem.now

local function nanoseconds(start, count)
  return (now() - start) * 1e9 / count
end

local function integers(count)
  local list = {}
  for i = 1, count do list[i] = i end
  return list
end

local function range(count)
  return tandem.range(1, count)
end

local function loop(count)
  local f, results = tasks.square, {}
  local start = now()
  for i = 1, count do results[i] = f(i) end
  local figure = nanoseconds(start, count)
  assert(#results == count)
  return figure
end

--- The row under a figure that divides it by the loop's.
local function times_loop(target)
  return {
    { name = "  times the loop", unit = "x", better = "less",
      ratio = "times_serial", target = target },
  }
end

local function map(name, count, chunk, input, python, target)
  return {
    name = name, unit = "ns/item", better = "less",
    python = python, also = target and times_loop(target),
    serial = function() return loop(count) end,
    tandem = function(pool)
      local items = input(count)
      local start = now()
      local results = pool:map("bench.tasks:square", items, { chunk = chunk })
        :collect()
      local figure = nanoseconds(start, count)
      assert(#results == count and results[count] == count * count)
      return figure
    end,
  }
end

local function loop_sum(count)
  local add, square = tasks.add, tasks.square
  local sum = 0
  local start = now()
  for i = 1, count do sum = add(sum, square(i)) end
  return nanoseconds(start, count), sum
end

local function reduce(name, count, input, python)
  return {
    name = name, unit = "ns/item", better = "less", workers = 2,
    python = python, also = times_loop(targets.at_most(0.55, 0.6)),
    serial = function() return (loop_sum(count)) end,
    tandem = function(pool)
      local items = input(count)
      local start = now()
      local sum = pool:reduce("bench.tasks:square", "bench.tasks:add", items)
      local figure = nanoseconds(start, count)
      assert(sum == count * (count + 1) * (2 * count + 1) // 6)
      return figure
    end,
  }
end

--- Only CPython's processes know chunks, and only its Pool sizes them itself.
local function python_chunks(chunk)
  local words = "map " .. chunk
  return { executor = chunk > 0 and words, pool = words }
end

return function(options)
  local count = math.tointeger(1000000 * options.scale)
  local bound = targets.at_most(1.2, 1.5)
  return {
    title = ("x * x over 1e%.0f integers"):format(math.log(count, 10)),
    note = "Chunk 1, and CPython: fewer integers. CPython's threads know no "
      .. "chunks, and only its Pool\nfinds a size; its reduce takes 256.",
    map("map, chunk 1", count // 10, 1, integers, "map 1"),
    map("map, chunk 16", count, 16, integers, python_chunks(16)),
    map("map, chunk 256", count, 256, integers, python_chunks(256)),
    map("map, chunk auto", count, "auto", integers, python_chunks(0), bound),
    map("map of a range, chunk auto", count, "auto", range, nil, bound),
    reduce("reduce to a sum", count, integers, "reduce"),
    reduce("reduce of a range", count, range),
  }
end
