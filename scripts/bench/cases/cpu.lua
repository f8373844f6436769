--- Tasks that keep a core busy for a known time: how near the speed-up comes
-- to the number of processors.

local tandem = require "tandem"
local load = require "bench.load"
local targets = require "bench.targets"
local tasks = require "bench.tasks"

local now = tandem.now

local function repeated(value, count)
  local list = {}
  for i = 1, count do list[i] = value end
  return list
end

local function serial(items)
  local spin, results = tasks.spin, {}
  for i = 1, #items do results[i] = spin(items[i]) end
  return results
end

local function with_futures(pool, items)
  local futures, results = {}, {}
  for i = 1, #items do
    futures[i] = pool:submit("bench.tasks:spin", items[i])
  end
  for i = 1, #items do results[i] = futures[i]:result() end
  return results
end

local function with_map(chunk)
  return function(pool, items)
    return pool:map("bench.tasks:spin", items, { chunk = chunk }):collect()
  end
end

local function seconds(size, act, pool)
  local items = repeated(load.iterations(size.microseconds), size.count)
  local start = now()
  local results = pool and act(pool, items) or act(items)
  local taken = now() - start
  assert(#results == size.count)
  return taken
end

local function case(size, way, act, python)
  return {
    name = ("%s, %s"):format(size.name, way), unit = "x", better = "more",
    ratio = "speed_up", target = size.target,
    python = python and ("cpu %d %d"):format(size.microseconds, size.count),
    serial = function() return seconds(size, serial) end,
    tandem = function(pool) return seconds(size, act, pool) end,
  }
end

--- What long tasks take on two threads, over what they take in a loop: half of
-- it where they share no lock, all of it where they do.
local function lock_case(size, name, one_lock, target)
  return {
    name = name, unit = "x serial", better = "less", on = { "thread" },
    ratio = "times_serial", target = target,
    workers = { max_workers = 2, one_lock = one_lock },
    serial = function() return seconds(size, serial) end,
    tandem = function(pool) return seconds(size, with_futures, pool) end,
  }
end

return function(options)
  --- A fifth of a second of work, cut into tasks of this size.
  local function size(name, microseconds, target)
    local count = 200000 * options.scale // microseconds
    return {
      name = name, microseconds = microseconds, target = target,
      count = math.tointeger(math.max(count, 4 * options.cpus)),
    }
  end
  --- The targets speak of two processors, and of no others.
  local two = options.cpus == 2
  local long = size("20 ms", 20000, two and targets.at_least(1.95, 1.95))
  local cases = {
    title = ("CPU-bound, %d workers"):format(options.cpus),
    note = "x: speed-up over the serial loop of the same language and run. "
      .. "x serial: time over the loop's.",
  }
  for _, each in ipairs {
    size("3 µs", 3),
    size("33 µs", 33, two and targets.at_least(1.9, 1.85)),
    size("330 µs", 330),
    long,
  } do
    table.insert(cases, case(each, "futures", with_futures, true))
    table.insert(cases, case(each, "map chunk 1", with_map(1)))
    table.insert(cases, case(each, "map auto", with_map("auto")))
  end
  table.insert(cases, lock_case(long, "2 threads, 20 ms", false))
  table.insert(cases, lock_case(long, "2 threads, one lock, 20 ms", true,
    targets.at_most(1.1)))
  return cases
end
