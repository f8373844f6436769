--- What might be changed, and what the model expects of it.
--
-- @module tandem_cli.lab.changes
local knee = require "tandem_cli.lab.knee"
local model = require "tandem_cli.lab.model"
local replay = require "tandem_cli.lab.replay"
local units = require "tandem_cli.lab.units"
local widths = require "tandem_cli.lab.widths"

local M = {}

-- How many small items a message of a map carries, at a guess.
local CHUNK = 16

-- A copy of the work with other values.
local function changed(work, values)
  return setmetatable(values, { __index = work })
end

-- The widths to try: up to eight times what there is, never more than items.
local function wider(run, work, cores)
  local list = {}
  for _, n in ipairs(widths.default(math.max(cores, run.workers))) do
    if n > run.workers and n <= work.n then list[#list + 1] = n end
  end
  return list
end

-- Another width, where the knee of the model's curve is; for a serial pool
-- threads, of any width.
local function other_width(state)
  local run, work = state.run, state.work
  local kind = run.kind == "serial" and "thread" or run.kind
  local points = { { workers = run.workers, throughput = 1 / state.wall,
                     wall = state.wall } }
  for _, n in ipairs(wider(run, work, state.cores)) do
    local point = model.run(work, n,
      replay.machine(kind, state.cores, state.yield))
    point.workers = n
    points[#points + 1] = point
  end
  local best = points[knee.find(points)]
  return ("%s instead of %s"):format(units.workers(kind, best.workers),
    units.workers(run.kind, run.workers)), best.wall
end

local function no_lock(state)
  if state.run.kind ~= "one_lock" then return nil end
  local found = model.run(state.work, state.run.workers,
    replay.machine("thread", state.cores, state.yield))
  return "threads without the one lock", found.wall
end

-- The worker does the step, on its core, before it takes the next task.
local function continuation(state)
  local each, cpu = state.work.callback, {}
  if each <= 0 then return nil end
  for i, seconds in ipairs(state.work.cpu) do cpu[i] = seconds + each end
  local work = changed(state.work, { cpu = cpu, callback = 0 })
  return "`and_then` in place of callbacks, so that workers do them",
    model.run(work, state.run.workers, state.machine).wall
end

local function chunks(state)
  local work = changed(state.work, { handover = state.work.handover / CHUNK,
                                     submit = state.work.submit / CHUNK })
  return ("`pool:map` with chunks of %d, so that a message carries as many "
    .. "items"):format(CHUNK),
    model.run(work, state.run.workers, state.machine).wall
end

local function by_length(work)
  local order = {}
  for i = 1, work.n do order[i] = i end
  table.sort(order, function(a, b)
    return work.cpu[a] + work.wait[a] > work.cpu[b] + work.wait[b]
  end)
  local cpu, wait = {}, {}
  for place, i in ipairs(order) do
    cpu[place], wait[place] = work.cpu[i], work.wait[i]
  end
  return changed(work, { cpu = cpu, wait = wait })
end

local function longest_first(state)
  return "the longest tasks first, so that none of them runs on alone",
    model.run(by_length(state.work), state.run.workers, state.machine).wall
end

local ALL = { no_lock, other_width, continuation, chunks, longest_first }

-- The run as the model has it, with nothing changed.
local function unchanged(run, cores, runs)
  local work = replay.work(run, cores, runs)
  local yield = replay.yield(run, work, cores)
  local machine = replay.machine(run.kind, cores, yield)
  return { run = run, work = work, yield = yield, cores = cores,
           machine = machine,
           wall = model.run(work, run.workers, machine).wall }
end

--- Tries all of them, each alone.
-- @tparam table run
-- @tparam integer cores of the machine
-- @tparam ?{table,...} runs others of the session
-- @treturn table the best: `what` in words, `wall` seconds expected, `gain`
--   times as fast; `yield`, what part of its cores the run got
-- @treturn number seconds expected with twice as many cores and nothing
--   changed
function M.best(run, cores, runs)
  local state = unchanged(run, cores, runs)
  local best = { gain = 1, yield = state.yield }
  for _, try in ipairs(ALL) do
    local what, wall = try(state)
    local gain = what and state.wall / wall or 1
    -- The model is trusted for ratios; the seconds are those of the run.
    if gain > best.gain then
      best.what, best.gain, best.wall = what, gain, run.wall / gain
    end
  end
  local twice = replay.machine(run.kind, 2 * cores, state.yield)
  local more = model.run(state.work, run.workers, twice).wall
  return best, run.wall * more / state.wall
end

return M
