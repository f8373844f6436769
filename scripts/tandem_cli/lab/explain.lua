--- `:explain`: where the time of the last run went, and what to change.
--
-- @module tandem_cli.lab.explain
local tandem = require "tandem"

local bars = require "tandem_cli.lab.bars"
local changes = require "tandem_cli.lab.changes"
local figures = require "tandem_cli.lab.figures"
local recent = require "tandem_cli.lab.recent"
local replay = require "tandem_cli.lab.replay"
local shares = require "tandem_cli.lab.shares"
local text = require "tandem_cli.lab.text"
local units = require "tandem_cli.lab.units"

local M = {}

local PARTS = {
  { "computing", "computing" }, { "waiting", "waiting in tasks" },
  { "crowding", "waiting for a core" }, { "handover", "hand-over" },
  { "idle", "idle" },
}

-- Under one lock nobody waits for a core.
local function label(part, kind)
  if part[1] == "crowding" and kind == "one_lock" then
    return "waiting for the lock"
  end
  return part[2]
end

local function chart(session, parts, kind)
  local rows, seconds = {}, {}
  for i, part in ipairs(PARTS) do seconds[i] = parts[part[1]] end
  local percents = units.percents(seconds)
  for i, part in ipairs(PARTS) do
    rows[i] = { label = label(part, kind), value = seconds[i],
                figure = percents[i], note = units.seconds(seconds[i]) }
  end
  return bars.draw(session, rows, { whole = parts.total, left = true })
end

local function item(run)
  local found = figures.of(run)
  return ("A task waited %s in the queue and ran for %s (medians); of its "
    .. "time it computed %s."):format(units.seconds(found.wait.p50),
    units.seconds(found.run.p50), units.percent(found.cpu_share))
end

local function caller(work)
  local parts = shares.caller(work)
  return ("The caller spent %s on submitting (encoding), %s in callbacks, and "
    .. "%s after the last task (decoding).")
    :format(units.seconds(parts.submit), units.seconds(parts.callbacks),
            units.seconds(parts.collect))
end

--- Which law of callbacks held.
-- @tparam table run
-- @treturn string
function M.law(run)
  local found = shares.callbacks(run)
  if not found then return "No callback ran in the caller." end
  local each = units.seconds(found.each)
  if not found.queued then
    return ("Callbacks took %s each, in the gaps between the tasks' ends, so "
      .. "the law is longest + C: all was done one callback after the last "
      .. "task, as with `and_then`."):format(each)
  end
  return ("Callbacks took %s each, one after another in the caller, and "
    .. "queued up, so the law is T + n C: the last ended %s after the last "
    .. "task. In workers (`and_then`) it is T + C, %s after it.")
    :format(each, units.seconds(found.after), each)
end

-- Less than this is within what two equal runs differ by.
local WORTH_IT = 1.1

-- Below this yield of the cores it is said.
local CROWDED = 0.85

local function others(yield)
  if yield >= CROWDED then return "" end
  return (" Other programs used this machine: the run got %s of its cores.")
    :format(units.percent(yield))
end

--- The change that would help most.
-- @tparam table run
-- @tparam integer cores
-- @tparam ?{table,...} runs others of the session
-- @treturn string
function M.advice(run, cores, runs)
  local best, more_cores = changes.best(run, cores, runs)
  local said
  if best.gain >= WORTH_IT then
    said = ("What would help most: %s: about %s instead of %s, %s as fast.")
      :format(best.what, units.seconds(best.wall), units.seconds(run.wall),
              units.times(best.gain))
  else
    said = ("No change of the pool would gain a tenth. With %d cores it would "
      .. "take about %s instead of %s; else there must be less to do.")
      :format(2 * cores, units.seconds(more_cores), units.seconds(run.wall))
  end
  return said .. others(best.yield)
end

--- The command.
-- @tparam table session
-- @treturn ?string what was wrong
function M.run(session)
  local run, problem = recent.last(session)
  if not run then return problem end
  local cores = tandem.cpu_count()
  local parts = shares.workers(run, cores, session.runs)
  local function paragraph(said)
    session.write(text.wrap(said, session.width))
  end
  paragraph(("%s, %s on %s: %s of workers' time in %s."):format(run.task,
    units.number(run.items.n, "item"), units.workers(run.kind, run.workers),
    units.seconds(parts.total), units.seconds(run.wall)))
  session.write(chart(session, parts, run.kind) .. "\n")
  paragraph(item(run))
  paragraph(caller(replay.work(run, cores, session.runs)))
  paragraph(M.law(run))
  paragraph(M.advice(run, cores, session.runs))
end

return M
