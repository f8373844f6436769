--- `:compare`: the same work on each kind of pool.
--
-- @module tandem_cli.lab.compare
local tandem = require "tandem"

local bars = require "tandem_cli.lab.bars"
local figures = require "tandem_cli.lab.figures"
local grid = require "tandem_cli.lab.grid"
local lesson = require "tandem_cli.lab.lesson"
local measure = require "tandem_cli.lab.measure"
local recent = require "tandem_cli.lab.recent"
local text = require "tandem_cli.lab.text"
local units = require "tandem_cli.lab.units"

local M = {}

--- The kinds, in the order in which they are shown.
M.KINDS = { "serial", "thread", "one_lock", "process" }

local SHORT = { serial = "serial", thread = "threads",
                one_lock = "one lock", process = "processes" }

local COLUMNS = {
  { field = "kind", title = "", left = true },
  { field = "wall", title = "wall", rank = 1 },
  { field = "rate", title = "items/s", rank = 2 },
  { field = "speed_up", title = "speed-up" },
  { field = "cpu", title = "CPU", rank = 3 },
  { field = "run", title = "run p50", rank = 4 },
  { field = "wait", title = "wait p90", rank = 5 },
}

--- How many times as fast as the serial run each of them was.
-- @tparam table runs kind -> run
-- @treturn table kind -> number
function M.speed_ups(runs)
  local serial = figures.of(runs.serial).throughput
  local list = {}
  for kind, run in pairs(runs) do
    list[kind] = figures.of(run).throughput / serial
  end
  return list
end

local function row(kind, run, speed_up)
  local found = figures.of(run)
  return {
    kind = SHORT[kind], wall = units.seconds(run.wall),
    rate = units.count(found.throughput), speed_up = units.times(speed_up),
    cpu = units.percent(found.cpu_share),
    run = units.seconds(found.run and found.run.p50),
    wait = units.seconds(found.wait and found.wait.p90),
  }
end

local function chart(session, speed_ups)
  local rows = {}
  for i, kind in ipairs(M.KINDS) do
    rows[i] = { label = SHORT[kind], value = speed_ups[kind],
                figure = units.times(speed_ups[kind]) }
  end
  return bars.draw(session, rows, { left = true })
end

--- Shows a comparison.
-- @tparam table session
-- @tparam table runs kind -> run, of all kinds
-- @tparam integer cores
function M.show(session, runs, cores)
  local speed_ups, rows = M.speed_ups(runs), {}
  for i, kind in ipairs(M.KINDS) do
    rows[i] = row(kind, runs[kind], speed_ups[kind])
  end
  local share = runs.serial.cpu_share or figures.of(runs.serial).cpu_share
  session.write(grid.set(COLUMNS, rows, session.width) .. "\n"
    .. chart(session, speed_ups) .. "\n"
    .. text.wrap(lesson.sentence(speed_ups, share, cores), session.width))
end

local function heading(session, run, workers)
  session.write(text.wrap(("%s, %s, %d workers, %s")
    :format(run.task, units.number(run.n, "item"), workers,
            units.number(tandem.cpu_count(), "core")), session.width)
    .. "\n")
end

--- The command.
-- @tparam table session
-- @treturn ?string what was wrong
function M.run(session)
  local problem = recent.obstacle(session)
  if problem then return problem end
  local cores, runs = tandem.cpu_count(), {}
  local workers = math.max(2, session.workers or cores)
  for _, kind in ipairs(M.KINDS) do
    runs[kind] = measure.run(session, kind, kind == "serial" and 1 or workers)
    -- One base for all speed-ups: not a sample, but what was measured here.
    runs[kind].serial_each = runs.serial.serial_each
    runs[kind].serial_lost = runs.serial.serial_lost
  end
  heading(session, runs.thread, workers)
  M.show(session, runs, cores)
  return measure.complaint { runs.serial, runs.thread, runs.one_lock,
                             runs.process }
end

return M
