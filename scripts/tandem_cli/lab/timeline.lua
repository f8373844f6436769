--- `:timeline`: what each worker did, when.
--
-- @module tandem_cli.lab.timeline
local tandem = require "tandem"

local cells = require "tandem_cli.lab.cells"
local recent = require "tandem_cli.lab.recent"
local spans = require "tandem_cli.lab.spans"
local text = require "tandem_cli.lab.text"
local units = require "tandem_cli.lab.units"
local waiting = require "tandem_cli.lab.waiting"

local M = {}

-- More rows than a terminal shows tell no more.
local MOST_ROWS = 32

local LOOKS = {
  computing = { "█", "green" }, waiting = { "░", "yellow" },
  crowded = { "▒", "red" }, partly = { "╌", "dim" }, idle = { " ", "dim" },
}

local LEGEND = "█ computes; ░ waits in a task; ▒ waits for a core; ╌ partly "
  .. "idle; blank: idle"

local function paint(session, row)
  local parts = {}
  for i, what in ipairs(row) do
    local look = LOOKS[what]
    parts[i] = text.paint(session, look[2], look[1])
  end
  return table.concat(parts)
end

-- A ruler with the time at both ends.
local function ruler(room, wall, margin)
  local last = units.seconds(wall)
  local blank = math.max(1, room - 1 - utf8.len(last))
  return (" "):rep(margin) .. "0" .. (" "):rep(blank) .. last .. "\n"
end

--- Draws it.
-- @tparam table session
-- @tparam table run
-- @tparam integer cores of the machine
-- @treturn string lines, each with its end
function M.draw(session, run, cores)
  local all = spans.of(run)
  local own_share = waiting.own_share(run, all, cores, session.runs)
  local lists, workers = spans.by_worker(all)
  local label = #tostring(workers[#workers])
  local room = math.max(10, session.width - label - 9)
  local lines = { ruler(room, run.wall, label + 2) }
  for i = 1, math.min(#workers, MOST_ROWS) do
    local worker = workers[i]
    local row, busy = cells.of(lists[worker], run.wall, room, own_share)
    lines[#lines + 1] = ("%s │%s│ %s\n"):format(
      text.right(tostring(worker), label), paint(session, row),
      text.right(units.percent(busy), 5))
  end
  if #workers > MOST_ROWS then
    lines[#lines + 1] = ("... and %d more workers\n")
      :format(#workers - MOST_ROWS)
  end
  return table.concat(lines)
end

--- The command.
-- @tparam table session
-- @treturn ?string what was wrong
function M.run(session)
  local run, problem = recent.last(session)
  if not run then return problem end
  session.write(text.wrap(("%s, %s on %s"):format(run.task,
    units.number(run.items.n, "item"),
    units.workers(run.kind, run.workers)), session.width))
  session.write(M.draw(session, run, tandem.cpu_count()))
  session.write(text.wrap(LEGEND, session.width))
end

return M
