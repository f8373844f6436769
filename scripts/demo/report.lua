--- The demo's table and what it teaches.
--
-- @module demo.report
local measure = require "demo.measure"

local M = {}

local LABEL = "%-7s %-16s"
local CELL = "%9s"
local WIDTH = 78

local function row(name, what, cells)
  local texts = { LABEL:format(name, what) }
  for i, cell in ipairs(cells) do texts[i + 1] = CELL:format(cell) end
  return table.concat(texts) .. "\n"
end

local function speed_up(run, measured)
  return run.loop.seconds / measured.seconds
end

-- The loop's time is told once, in the row with the job's name.
local function rows_of_kind(run, kind, name)
  local seconds = { name == "" and "" or ("%.2f"):format(run.loop.seconds) }
  local faster = { "" }
  for i, measured in ipairs(run[kind.name]) do
    seconds[i + 1] = ("%.2f"):format(measured.seconds)
    faster[i + 1] = ("%.2f x"):format(speed_up(run, measured))
  end
  return row(name, kind.name .. ", s", seconds)
    .. row("", "  times as fast", faster)
end

local function rows(run)
  local name, parts = run.job.name, {}
  for i, kind in ipairs(measure.kinds) do
    parts[i] = rows_of_kind(run, kind, name)
    name = ""
  end
  return table.concat(parts)
end

--- The figures as a table.
-- @tparam {table,...} runs
-- @tparam {integer,...} widths
-- @treturn string
function M.table(runs, widths)
  local heads = { "loop" }
  for i, width in ipairs(widths) do
    heads[i + 1] = width == 1 and "1 worker" or width
  end
  local head = row("", "", heads)
  local parts = { head, ("-"):rep(#head - 1), "\n" }
  for _, run in ipairs(runs) do parts[#parts + 1] = rows(run) end
  return table.concat(parts)
end

--- Sets a text in lines, the first with a name before it.
function M.paragraph(name, text)
  local margin = (" "):rep(8)
  local lines, line = {}, ("%-7s"):format(name)
  for word in text:gmatch("%S+") do
    if #line + 1 + #word > WIDTH then
      lines[#lines + 1] = line
      line = margin .. word
    else
      line = line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n") .. "\n"
end

local function fastest(run)
  local best = run.threads[1]
  for _, measured in ipairs(run.threads) do
    if measured.seconds < best.seconds then best = measured end
  end
  return best
end

--- What the figures teach, a paragraph a job.
-- @tparam {table,...} runs
-- @tparam integer cores
-- @treturn string
function M.lessons(runs, cores)
  local parts = {}
  for i, run in ipairs(runs) do
    local best = fastest(run)
    parts[i] = M.paragraph(run.job.name, run.job.lesson(
      speed_up(run, best), best.width, cores, run))
  end
  parts[#parts + 1] = "\nAll results were equal to the loop's.\n"
    .. "Figures are the better of two runs, for the pages of one.\n"
  return table.concat(parts)
end

local RULE = "Take threads by default, for work that waits and for work that "
  .. "computes. Python's rule, threads for waiting and processes for "
  .. "computing, comes from its global lock, and Lua has none. Take processes "
  .. "for isolation: from crashes, hard kills, leaks, os.exit, chdir, C "
  .. "modules that threads must not share."

--- What it all comes to.
-- @treturn string
function M.rule()
  return M.paragraph("so", RULE)
end

return M
