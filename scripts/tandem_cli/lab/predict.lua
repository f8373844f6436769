--- `:predict`: the last run at other widths, and on other cores, by the model.
--
-- @module tandem_cli.lab.predict
local tandem = require "tandem"

local figures = require "tandem_cli.lab.figures"
local grid = require "tandem_cli.lab.grid"
local model = require "tandem_cli.lab.model"
local recent = require "tandem_cli.lab.recent"
local replay = require "tandem_cli.lab.replay"
local series = require "tandem_cli.lab.series"
local text = require "tandem_cli.lab.text"
local units = require "tandem_cli.lab.units"
local widths = require "tandem_cli.lab.widths"

local M = {}

local COLUMNS = {
  { field = "workers", title = "workers" },
  { field = "wall", title = "predicted" },
  { field = "rate", title = "items/s", rank = 2 },
  { field = "real", title = "measured", rank = 1 },
  { field = "error", title = "error" },
}

-- A serial run is replayed as threads: widths of a serial pool are all one.
local function kind_of(run)
  return run.kind == "serial" and "thread" or run.kind
end

-- A real run with as many workers; the one that is replayed does not count
-- as a test of its own prediction.
local function real_run(runs, like, workers)
  local kind = kind_of(like)
  for _, run in ipairs(series.latest(runs, like)) do
    if run.kind == kind and run.workers == workers and run ~= like then
      return run
    end
  end
end

--- Replays a run.
-- @tparam table run
-- @tparam {integer,...} list widths
-- @tparam table machine `cores` that it has, and `wanted`, those to predict for
-- @tparam ?{table,...} runs real ones, to compare with
-- @treturn {table,...} `{ workers, wall, throughput, real, error }` for each
--   width; the latter two where a real run on the same cores exists
-- @treturn number what part of its cores the machine gave to the run
function M.points(run, list, machine, runs)
  local work = replay.work(run, machine.cores, runs)
  local yield = replay.yield(run, work, machine.cores)
  local modelled = replay.machine(kind_of(run), machine.wanted, yield)
  local points = {}
  for i, workers in ipairs(list) do
    local point = model.run(work, workers, modelled)
    point.workers = workers
    local real = machine.wanted == machine.cores
      and real_run(runs or {}, run, workers)
    if real then
      point.real, point.error = real.wall, point.wall / real.wall - 1
    end
    points[i] = point
  end
  return points, yield
end

local function row(point)
  return {
    workers = tostring(point.workers), wall = units.seconds(point.wall),
    rate = units.count(point.throughput), real = units.seconds(point.real),
    error = point.error and ("%+.0f %%"):format(point.error * 100)
            or units.NONE,
  }
end

local function basis(run, wanted, yield)
  local found = figures.of(run)
  local said = ("%s: the times of %s on %s (%s CPU), replayed on %s.")
    :format(run.task, units.number(run.items.n, "item"),
            units.workers(run.kind, run.workers),
            units.percent(found.cpu_share), units.number(wanted, "core"))
  if yield > 0.95 then return said end
  return ("%s The run got %s of what its cores could have done, and so does "
    .. "the model."):format(said, units.percent(yield))
end

-- "8 16 cores 4" -> the widths, 4
local function read(args, own)
  local words, wanted = {}, own
  for i, word in ipairs(args) do
    if word == "cores" then
      wanted = #args == i + 1 and math.tointeger(tonumber(args[i + 1]))
      if not wanted or wanted < 1 then
        return nil, "after `cores` there is one number, and nothing more"
      end
      break
    end
    words[i] = word
  end
  local list, problem = widths.read(words, wanted)
  return list, problem or wanted
end

--- The command.
-- @tparam table session
-- @tparam {string,...} args widths; at the end "cores", and how many
-- @treturn ?string what was wrong
function M.run(session, args)
  local run, problem = recent.last(session)
  if not run then return problem end
  local own = tandem.cpu_count()
  local list, wanted = read(args, own)
  if not list then return wanted end
  local machine = { cores = own, wanted = wanted }
  local points, yield = M.points(run, list, machine, session.runs)
  local rows = {}
  for i, point in ipairs(points) do rows[i] = row(point) end
  session.write(text.wrap(basis(run, wanted, yield), session.width) .. "\n"
    .. grid.set(COLUMNS, rows, session.width))
end

return M
