--- What a run was like, in a few lines.
--
-- @module tandem_cli.lab.summary
local failure = require "tandem_cli.failure"
local figures = require "tandem_cli.figures"
local tandem = require "tandem"
local text = require "tandem_cli.text"
local units = require "tandem_cli.lab.units"

local M = {}

local LABEL = 10

-- Percentiles of more items than this are those of a part of them.
local MOST_SORTED = 20000

local MOST_WORKERS = 16

local BAR = 10

-- From how much CPU time on, of the time at work, it is the CPU that counts.
local CPU_BOUND, IO_BOUND = 0.6, 0.2

local KINDS = { thread = "thread", process = "process", serial = "serial",
                one_lock = "thread with one lock" }

local function pool_words(run)
  if run.kind == "serial" then return "one after another" end
  local words = KINDS[run.kind]
  if run.workers == 1 then return "on 1 " .. words end
  if run.kind == "one_lock" then
    return ("on %d threads with one lock"):format(run.workers)
  end
  return ("on %d %s"):format(run.workers,
                             run.kind == "process" and "processes" or "threads")
end

local function spans(items, from, to)
  local step = math.max(1, math.ceil(items.n / MOST_SORTED))
  local list = {}
  for i = 1, items.n, step do list[#list + 1] = to[i] - from[i] end
  table.sort(list)
  return list
end

local function percentiles(sorted)
  local facts = {}
  for _, p in ipairs { 50, 90, 99 } do
    local at = math.max(1, math.ceil(p / 100 * #sorted))
    facts[#facts + 1] = ("p%d %s"):format(p,
      text.pad(figures.seconds(sorted[at]), 7))
  end
  return facts
end

local function sum(list)
  local total = 0
  for i = 1, #list do total = total + list[i] end
  return total
end

-- Of the time that tasks were at work.
local function cpu_share(items)
  local work = 0
  for i = 1, items.n do work = work + items.ended[i] - items.began[i] end
  return work > 0 and sum(items.cpu) / work or 0
end

-- A task that waits for a core, or for the one lock, does not use the CPU
-- while it is at work. How it is when it is alone tells that from its nature.
local function cpu_facts(run)
  local share = cpu_share(run.items)
  local facts = { figures.percent(share) .. " of the time at work" }
  local alone = run.cpu_share or share
  if alone <= IO_BOUND then
    facts[2] = "IO-bound: the tasks wait"
  elseif alone < CPU_BOUND then
    facts[2] = "the tasks compute, and wait"
  else
    facts[2] = "CPU-bound"
    if share < CPU_BOUND then
      facts[3] = run.kind == "one_lock" and "they wait for the lock"
        or run.workers > tandem.cpu_count() and "more workers than cores"
        or "other programs have the cores"
    end
  end
  return facts
end

local function busy_by_worker(items)
  local busy, ids = {}, {}
  for i = 1, items.n do
    local id = items.worker[i]
    if not busy[id] then
      busy[id] = 0
      ids[#ids + 1] = id
    end
    busy[id] = busy[id] + items.ended[i] - items.began[i]
  end
  table.sort(ids)
  return busy, ids
end

-- For each worker, how much of the run it was at work.
local function worker_facts(run)
  local busy, ids = busy_by_worker(run.items)
  local facts = {}
  for k, id in ipairs(ids) do
    if k > MOST_WORKERS then
      facts[k] = ("and %d more"):format(#ids - MOST_WORKERS)
      break
    end
    local share = math.min(1, busy[id] / run.wall)
    local full = math.floor(share * BAR + 0.5)
    facts[k] = ("%2d %s%s %4s"):format(id, ("#"):rep(full),
      ("."):rep(BAR - full), figures.percent(share))
  end
  return facts
end

local function serial_facts(run)
  if run.kind == "serial" then return nil end
  local each = run.serial_each
  if not each then return nil end
  local serial = each * run.n
  return { figures.seconds(serial), figures.seconds(each) .. " each",
           "speed-up " .. units.times(serial / run.wall) }
end

local function outcome_facts(run)
  local facts = {}
  if run.failed > 0 then facts[1] = run.failed .. " failed" end
  if run.cancelled > 0 then
    facts[#facts + 1] = run.cancelled .. " cancelled"
  end
  return #facts > 0 and facts or nil
end

local function rows_of(run)
  local items, ended = run.items, run.n - run.cancelled
  local rows = {
    { "outcome", outcome_facts(run) },
    { "wall", { figures.seconds(run.wall), ended > 0
                and "at " .. figures.rate(ended / run.wall) or nil } },
    { "serial", serial_facts(run) },
  }
  if items.n == 0 then return rows end
  rows[4] = { "wait", percentiles(spans(items, items.queued, items.began)) }
  rows[5] = { "run", percentiles(spans(items, items.began, items.ended)) }
  rows[6] = { "CPU", cpu_facts(run) }
  rows[7] = { "workers", worker_facts(run) }
  return rows
end

-- Where a module that was not found was looked for.
local function places(problem)
  if not tandem.is_error(problem) or problem.kind ~= "load" then return "" end
  return problem.message:match("\n.*") or ""
end

-- The first of what failed, with the worker's traceback.
local function failure_text(run)
  local problem, traceback = run.failure:error(0)
  local told = failure.text(problem) .. places(problem)
  if type(traceback) == "string" then told = told .. "\n" .. traceback end
  return "the first that failed: " .. told
end

--- Describes a run.
-- @tparam table run as record.run returns it
-- @tparam integer width columns
-- @tparam boolean colour
-- @treturn string lines
function M.describe(run, width, colour)
  local title = ("%d x %s %s%s"):format(run.n, run.task, pool_words(run),
    run.interrupted and ", interrupted" or "")
  local lines = { text.paint(colour, "bold", text.wrap(title, width, 2)) }
  for _, row in pairs(rows_of(run)) do
    local label = (" "):rep(2) .. row[1]
    label = label .. (" "):rep(LABEL - #label)
    if row[2] then
      lines[#lines + 1] = text.row(text.paint(colour, "cyan", label), row[2],
                                   width)
    end
  end
  if run.failure then
    lines[#lines + 1] = text.paint(colour, "red", failure_text(run))
  end
  return table.concat(lines, "\n") .. "\n"
end

return M
