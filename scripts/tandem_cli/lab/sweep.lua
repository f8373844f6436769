--- `:sweep`: the same work at each width.
--
-- @module tandem_cli.lab.sweep
local tandem = require "tandem"

local bars = require "tandem_cli.lab.bars"
local choice = require "tandem_cli.lab.choice"
local grid = require "tandem_cli.lab.grid"
local knee = require "tandem_cli.lab.knee"
local measure = require "tandem_cli.lab.measure"
local points_of = require "tandem_cli.lab.points".of
local recent = require "tandem_cli.lab.recent"
local text = require "tandem_cli.lab.text"
local units = require "tandem_cli.lab.units"
local widths = require "tandem_cli.lab.widths"

local M = {}

local COLUMNS = {
  { field = "workers", title = "workers" },
  { field = "wall", title = "wall", rank = 1 },
  { field = "rate", title = "items/s" },
  { field = "speed_up", title = "speed-up", rank = 2 },
  { field = "cpu", title = "CPU", rank = 3 },
  { field = "run", title = "run p50", rank = 4 },
  { field = "wait", title = "wait p50", rank = 5 },
  { field = "wait90", title = "wait p90", rank = 6 },
}

local function row(point)
  local found = point.figures
  return {
    workers = tostring(point.workers), wall = units.seconds(point.run.wall),
    rate = units.count(point.throughput),
    speed_up = units.times(found.speed_up),
    cpu = units.percent(found.cpu_share),
    run = units.seconds(found.run and found.run.p50),
    wait = units.seconds(found.wait and found.wait.p50),
    wait90 = units.seconds(found.wait and found.wait.p90),
  }
end

local function chart(session, points, at, reached)
  local mark = reached and "◂ knee" or #points > 1 and "◂ still rising" or nil
  local rows = {}
  for i, point in ipairs(points) do
    rows[i] = {
      label = tostring(point.workers), value = point.throughput,
      figure = units.count(point.throughput),
      note = i == at and mark or nil,
      colour = i == at and "green" or "blue",
    }
  end
  return "items/s\n" .. bars.draw(session, rows)
end

--- Shows a sweep.
-- @tparam table session
-- @tparam {table,...} points
-- @tparam integer cores
function M.show(session, points, cores)
  local rows = {}
  for i, point in ipairs(points) do rows[i] = row(point) end
  local at, reached = knee.find(points)
  session.write(grid.set(COLUMNS, rows, session.width) .. "\n"
    .. chart(session, points, at, reached) .. "\n"
    .. text.wrap(choice.sentence(points, at, reached, cores), session.width))
end

-- A serial pool and one whose workers share a lock say nothing about widths
-- of threads; but who has chosen the lock wants to see it.
local function kind_of(session)
  return session.pool_kind == "serial" and "thread" or session.pool_kind
end

local function heading(session, run)
  session.write(text.wrap(("%s, %s, on %s, with %s")
    :format(run.task, units.number(run.n, "item"), units.workers(run.kind),
            units.number(tandem.cpu_count(), "core")), session.width) .. "\n")
end

--- The command.
-- @tparam table session
-- @tparam {string,...} args widths
-- @treturn ?string what was wrong
function M.run(session, args)
  local problem = recent.obstacle(session)
  if problem then return problem end
  local cores = tandem.cpu_count()
  local list, wrong = widths.read(args, cores)
  if not list then return wrong end
  local runs = {}
  for i, width in ipairs(list) do
    runs[i] = measure.run(session, kind_of(session), width)
  end
  heading(session, runs[1])
  M.show(session, points_of(runs), cores)
  return measure.complaint(runs)
end

return M
