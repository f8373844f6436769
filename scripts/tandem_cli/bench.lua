--- `tandem bench`: serial, threads, processes, on tasks that wait and tasks
-- that compute.
--
-- A first look in a few seconds. `make bench` measures with care, and beside
-- other libraries.
--
-- @module tandem_cli.bench
local cjson = require "cjson"
local tandem = require "tandem"

local grid = require "tandem_cli.lab.grid"
local machine = require "tandem_cli.lab.machine"
local units = require "tandem_cli.lab.units"
local output = require "tandem_cli.output"

local M = {}

-- Runs of each, of which the quickest counts: other programs can only make
-- them longer.
local ROUNDS = 3

-- The time of a serial run is what the whole takes: about half a second each.
local WORK = {
  { name = "IO-bound: 32 sleeps of 10 ms", key = "io", n = 32,
    task = "tasks.sleep:sleep", args = { 0.01 } },
  { name = "CPU-bound: 32 counts of primes", key = "cpu", n = 32,
    task = "tasks.primes:count", args = { 1, 40000 } },
}

local POOLS = {
  { key = "serial", new = function() return tandem.serial_pool() end },
  { key = "threads", new = tandem.thread_pool },
  { key = "processes", new = tandem.process_pool },
}

local COLUMNS = {
  { field = "name", title = "", left = true },
  { field = "serial", title = "serial" },
  { field = "threads", title = "threads" },
  { field = "processes", title = "processes" },
}

local WIDTH = 79

local function run(pool, work)
  local start, futures = tandem.now(), {}
  for i = 1, work.n do
    futures[i] = pool:submit(work.task, table.unpack(work.args))
  end
  for _, future in ipairs(futures) do future:result() end
  return tandem.now() - start
end

-- The first run starts the workers and loads the task.
local function quickest(new, workers, work)
  local pool <close> = new(workers)
  run(pool, work)
  local best = math.huge
  for _ = 1, ROUNDS do best = math.min(best, run(pool, work)) end
  return best
end

local function measure(workers)
  local rows = {}
  for i, work in ipairs(WORK) do
    local seconds = {}
    for _, kind in ipairs(POOLS) do
      seconds[kind.key] = quickest(kind.new, workers, work)
    end
    rows[i] = { name = work.name, kind = work.key, task = work.task,
                items = work.n, seconds = seconds }
  end
  return rows
end

-- "45.1 ms, 7.1×"
local function cell(seconds, serial)
  return ("%s, %s"):format(units.seconds(seconds),
                           units.times(serial / seconds))
end

local function show(rows, workers)
  local lines = {}
  for i, row in ipairs(rows) do
    local seconds = row.seconds
    lines[i] = { name = row.name, serial = units.seconds(seconds.serial),
                 threads = cell(seconds.threads, seconds.serial),
                 processes = cell(seconds.processes, seconds.serial) }
  end
  io.write(grid.set(COLUMNS, lines, WIDTH),
    ("%s, %s. The quickest of %d runs; × is how many times as fast.\n")
      :format(units.number(workers, "worker"),
              units.number(tandem.cpu_count(), "core"), ROUNDS))
end

--- Measures and shows.
-- @tparam table options `workers`, `json`
-- @treturn integer 0; 1 where the output is lost
function M.start(options)
  local rows = measure(options.workers)
  if options.json then
    local document = { machine = machine.facts(), workers = options.workers,
                       rows = rows }
    io.write(cjson.encode(document), "\n")
  else
    show(rows, options.workers)
  end
  return output.finish(0)
end

return M
